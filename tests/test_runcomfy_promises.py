"""Every sentence that the paid path can say is read, its advice is followed, and the ledger is counted."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from acestep_nodes.nodes.backends.runcomfy import account
from acestep_nodes.nodes.backends.runcomfy.place import Place
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.request import requests
from acestep_nodes.nodes.words.sentences.runcomfy import SENTENCES
from runcomfy_runs import Ran, Watcher, generate, journal, place_for, song, without_codes
from runcomfy_simulator import Simulator, rendering
from runcomfy_stories import LASTING, RESTLESS, Machine

STEPS = ("catalogue", "submit", "status", "result", "file", "cancel")
CODES = (400002, 400004, 403001, 404001)


@dataclass
class Scene:
    """Where a sentence is said, and what the user needs to follow its advice. takes, seed: of the run it is about."""

    simulator: Simulator
    place: Place
    machine: Machine
    takes: int = 1
    seed: int = 7
    words: str = ""
    said: list[dict] = field(default_factory=list)
    kept: dict = field(default_factory=dict)

    def fault(self, step, kind, times=LASTING, **options):
        self.simulator.fault(step, kind, times=times, **options)

    def queue(self, watcher=None, queued=None, **changes) -> Ran:
        return generate(self.place, song(**{"batch_size": self.takes, "seed": self.seed, **changes}), watcher, queued)

    def says(self, ran: Ran) -> None:
        self.words = ran.words if ran.error is not None else " ".join(ran.facts["warnings"])
        self.said = [ran.error.said.as_dict()] if ran.error is not None else ran.facts["codes"]

    def shows(self, ran: Ran) -> None:
        self.words, self.said = ran.watcher.statuses[-1]["message"], [ran.watcher.statuses[-1]["said"]]

    @property
    def ids(self) -> list[str]:
        return [job.request_id for job in self.simulator.service.jobs()]

    def mend(self) -> None:
        self.simulator.faults.clear()
        self.simulator.service.token = self.simulator.token
        self.simulator.change({"balance_usd": 1000.0, "queue_seconds": 0.0, "run_seconds": 0.0})
        self.machine.failing = None
        for job in self.simulator.service.jobs():
            job.queue_seconds = job.run_seconds = 0.0


# The situations in which sentences are said


def unknown(scene):
    scene.fault("submit", "drop_after", times=1)
    scene.says(scene.queue())


def unknown_asked_again(scene):
    unknown(scene)
    scene.says(scene.queue())


def failing(scene, status):
    for step in ("status", "result"):
        scene.fault(step, "change", set={"status": status, "output": None})
    scene.says(scene.queue(queued=Queued(None, 1.0)))


def failing_again(scene, status):
    failing(scene, status)
    scene.says(scene.queue(queued=Queued(None, 1.0)))  # a copy that was queued at the same time


def gone(scene):
    scene.queue()
    scene.fault("status", "documented", code=404001)
    scene.says(scene.queue(queued=Queued(None, 1.0)))


def gone_again(scene):
    gone(scene)
    scene.says(scene.queue(queued=Queued(None, 1.0)))


def after_acceptance(step, kind, **options):
    def situation(scene):
        scene.fault(step, kind, **options)
        scene.says(scene.queue())

    return situation


def no_balance(scene):
    scene.simulator.change({"balance_usd": 0.0})
    scene.says(scene.queue())


def no_longer_signed_in(scene):
    scene.simulator.service.token = "another"
    scene.says(scene.queue())


def above_max_cost(scene):
    scene.takes = 2
    scene.says(scene.queue(max_cost_usd=0.0015))


def above_ceiling(scene):
    scene.takes = 2
    account.save_ceiling(scene.place, 0.0015)
    scene.says(scene.queue())


def dearer_than_estimated(limit):
    def situation(scene):
        scene.takes = 8
        scene.fault("result", "change", set={"cost": 0.004})
        account.save_ceiling(scene.place, 0.009 if limit == "ceiling" else 2.0)
        scene.says(scene.queue(**({} if limit == "ceiling" else {"max_cost_usd": 0.009})))

    return situation


def unrecorded(scene):
    def fill(step, moment):
        if (step, moment) == ("submit", "arrived"):
            scene.machine.failing = OSError(28, "No space left on device")

    scene.simulator.on_step = fill
    scene.says(scene.queue())


def unwritable(scene):
    account.identity(scene.place, account.find_account(scene.place))
    scene.machine.failing = OSError(30, "Read-only file system")
    scene.says(scene.queue())


def one_take_refused(scene):
    scene.takes = 3
    scene.fault("submit", "http", times=1, status=422)
    scene.says(scene.queue())


def resumed_without_a_take(scene):
    one_take_refused(scene)
    scene.says(scene.queue(resume_request_id=scene.ids[0]))


def resumed_after_a_failure(scene):
    failing(scene, "failed")
    scene.says(scene.queue(resume_request_id=scene.ids[0]))


def resumed_and_gone(scene):
    gone(scene)
    scene.says(scene.queue(resume_request_id=scene.ids[0]))


def resumed_with_trouble(scene):
    scene.queue()
    scene.fault("status", "http", status=503)
    scene.says(scene.queue(resume_request_id=scene.ids[0]))


def resumed_with_a_slip(scene):
    scene.queue()
    scene.says(scene.queue(resume_request_id="req-0000000000000000"))


def vanished(scene):
    scene.queue()
    path = scene.place.directory / "journal.json"
    scene.kept["journal"] = path.read_bytes()
    path.unlink()
    scene.says(scene.queue())


def without_its_key(scene):
    scene.queue()
    path = scene.place.directory / "identity.key"
    scene.kept["key"] = path.read_bytes()
    path.unlink()
    scene.says(scene.queue())


def stopped(state, **times):
    def situation(scene):
        scene.simulator.change(times)
        scene.shows(scene.queue(Watcher(lambda status: status["state"] == state)))

    return situation


def stopped_while_it_was_fetched(scene):
    scene.fault("file", "hang", seconds=0.5)
    stopped("downloading")(scene)


def stopped_while_it_was_sent(kind, **options):
    def situation(scene):
        scene.fault("submit", kind, times=1, **options)
        stopped("submitting", run_seconds=600.0)(scene)

    return situation


def stopped_without_an_answer(scene):
    scene.fault("cancel", "http", status=500)
    stopped("in_queue", queue_seconds=600.0)(scene)


def refused_by_code(step, code):
    def situation(scene):
        scene.fault(step, "documented", code=code)
        if step == "cancel":
            stopped("in_queue", queue_seconds=600.0)(scene)
        else:
            scene.says(scene.queue())

    return situation


SITUATIONS: dict[str, Callable[[Scene], None]] = {
    "unknown": unknown,
    "unknown, asked again": unknown_asked_again,
    "failed": lambda scene: failing(scene, "failed"),
    "failed, asked again": lambda scene: failing_again(scene, "failed"),
    "cancelled": lambda scene: failing(scene, "cancelled"),
    "cancelled, asked again": lambda scene: failing_again(scene, "cancelled"),
    "gone": gone,
    "gone, asked again": gone_again,
    "file missing": after_acceptance("file", "http", status=404),
    "no status": after_acceptance("status", "http", status=503),
    "status refused": after_acceptance("status", "http", status=400),
    "status lost on the way": after_acceptance("status", "gateway", status=404),
    "result unreadable": after_acceptance("result", "unreadable"),
    "no sound": after_acceptance("file", "bytes", data=b"<html>"),
    "token expired meanwhile": after_acceptance("status", "documented", code=400004, status=200),
    "busy": after_acceptance("submit", "http", status=429),
    "no price": after_acceptance("catalogue", "http", status=503),
    "unreachable": after_acceptance("catalogue", "drop_before"),
    "no balance": no_balance,
    "not signed in": no_longer_signed_in,
    "above max_cost_usd": above_max_cost,
    "above the ceiling": above_ceiling,
    "dearer than max_cost_usd": dearer_than_estimated("max_cost_usd"),
    "dearer than the ceiling": dearer_than_estimated("ceiling"),
    "accepted, not recorded": unrecorded,
    "journal unwritable": unwritable,
    "one take refused": one_take_refused,
    "resumed without a take": resumed_without_a_take,
    "resumed after a failure": resumed_after_a_failure,
    "resumed and gone": resumed_and_gone,
    "resumed with trouble": resumed_with_trouble,
    "resumed with a slip": resumed_with_a_slip,
    "journal vanished": vanished,
    "key vanished": without_its_key,
    "stopped while it ran": stopped("in_progress", run_seconds=600.0),
    "stopped while it was fetched": stopped_while_it_was_fetched,
    "stopped, unknown": stopped_while_it_was_sent("drop_after", seconds=0.2),
    "stopped, an error with an id": stopped_while_it_was_sent("change", delay=0.2, set={"error_code": 500001}),
    "stopped, nothing heard": stopped_without_an_answer,
    **{f"{step}: {code}": refused_by_code(step, code) for step in STEPS for code in CODES},
}


# The advice, and what comes of following it: how many more are charged, None for "at most one in all"


def resumes(scene, found):
    return scene.queue(resume_request_id=found[1], seed=99), 0


def resumes_what_the_list_of_generations_holds(scene, found):
    return scene.queue(resume_request_id=scene.ids[-1]), 0


def queues_twice(scene, found):
    first = scene.queue()
    assert first.error is not None and len(scene.ids) == 1
    return scene.queue(), 1


def queues_for_a_new_charge(scene, found):
    return scene.queue(), 1


def queues_for_nothing(scene, found):
    return scene.queue(), 0


def queues_while_it_is_still_missing(scene, found):
    scene.fault("file", "http", status=404)
    before = len(scene.ids)
    scene.queue()
    scene.mend()
    assert len(scene.ids) == before + 1
    return scene.queue(), 1


def queues(scene, found):
    return scene.queue(), None


def queues_for_what_is_missing(scene, found):
    there = {job.body["seed"] for job in scene.simulator.service.jobs()}
    return scene.queue(seed=int(found[1]), max_cost_usd=1.0), scene.takes - len(there)


def queues_the_run_that_was_resumed(scene, found):
    there = {entry.seed for entry in journal(scene.place) if entry.state.value in ("accepted", "delivered")}
    return scene.queue(seed=int(found[1])), scene.takes - len(there)


def changes_the_seed(scene, found):
    return scene.queue(seed=1234), 1


def raises_max_cost(scene, found):
    missing = scene.takes - len(scene.ids)
    return scene.queue(max_cost_usd=1.0), missing


def raises_the_ceiling(scene, found):
    account.save_ceiling(scene.place, 2.0)
    missing = scene.takes - len(scene.ids)
    return scene.queue(), missing


def asks_for_less(scene, found):
    scene.takes = 1
    return scene.queue(max_cost_usd=0.0015), 1


def puts_it_back(scene, found):
    names = {"journal": "journal.json", "key": "identity.key"}
    for name, data in scene.kept.items():
        (scene.place.directory / names[name]).write_bytes(data)
    return scene.queue(), 0


def moves_the_journal_away(scene, found):
    (scene.place.directory / "journal.json").unlink()
    again = scene.queue()  # says that it is gone
    return (again, 1) if again.error is None else (scene.queue(), 1)


ADVICE: list[tuple[str, Callable]] = [
    (r"[Ss]et resume_request_id to (req-\w+)", resumes),
    (r"\(resume_request_id still fetches (req-\w+)\)", resumes),
    (r"accepted request (req-\w+),.* resume_request_id fetches it without a new charge", resumes),
    (r"If it is there, set resume_request_id to its id", resumes_what_the_list_of_generations_holds),
    (r"if it is there, set resume_request_id to its id", resumes_what_the_list_of_generations_holds),
    (r"queue again twice with seed \d+", queues_twice),
    (r"If it is not, queue again with seed \d+: it is then submitted anew", queues_for_a_new_charge),
    (r"Queue again with seed \d+ to have it rendered anew, at a new charge", queues_for_a_new_charge),
    (r"to try once more and buy nothing; or queue again with seed \d+", queues_for_nothing),
    (r"if the file is still missing then, the render is bought again", queues_while_it_is_still_missing),
    (r"queue the same again with seed \d+, to fetch it without a new charge", queues_for_nothing),
    (r"change the seed to have it rendered (?:anew|for the account in use)", changes_the_seed),
    (r"Queue the same again with seed (\d+): these are fetched", queues_for_what_is_missing),
    (r"clear resume_request_id and queue the settings of that run with seed (\d+)", queues_the_run_that_was_resumed),
    (r"Add funds on runcomfy.com\. Then queue again with seed \d+", queues),
    (r"\(Queueing the same again with seed \d+ is free with this token only", queues_for_nothing),
    (r"Set RUNCOMFY_API_TOKEN to a valid one and start again", queues),
    (r"Set RUNCOMFY_API_TOKEN to that account's token and start again", queues),
    (r"Then queue again with seed \d+", queues_for_a_new_charge),
    (r"[Tt]ry again(?: later| in a moment)?[.;]", queues),
    (r"Raise max_cost_usd", raises_max_cost),
    (r"Raise the ceiling in the account dialog", raises_the_ceiling),
    (r"ask for fewer takes", asks_for_less),
    (r"queue less at a time", asks_for_less),
    (r"Make that folder writable for ComfyUI and see that its disk is not full", queues),
    (r"Put (?:the file|it) back", puts_it_back),
    (r"queue again to go on without it", queues_for_a_new_charge),
    (r"move the journal away to start a new one", moves_the_journal_away),
    (r"Check the id", resumes_what_the_list_of_generations_holds),
]


@pytest.fixture(scope="module")
def machine():
    with Machine() as running:
        yield running


def played(situation, machine, directory, seed=7) -> Iterator[Scene]:
    with Simulator(compose=rendering.tone) as simulator:
        scene = Scene(simulator, place_for(simulator, directory, RESTLESS), machine, seed=seed)
        try:
            SITUATIONS[situation](scene)
            simulator.on_step = lambda step, moment: None
            yield scene
        finally:
            machine.failing = None


@pytest.fixture(scope="module")
def scenes(machine, tmp_path_factory) -> dict[str, Scene]:
    """Every situation, once its sentence has been said."""
    return {situation: next(played(situation, machine, tmp_path_factory.mktemp("said"))) for situation in SITUATIONS}


@pytest.fixture(scope="module")
def said(scenes) -> dict[str, str]:
    """The sentence of every situation."""
    return {situation: scene.words for situation, scene in scenes.items()}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_sentence_has_codes(scenes, situation):
    said = scenes[situation].said
    assert said and sum(map(without_codes, said), []) == []


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_sentence_promises_is_true(said, machine, tmp_path, situation):
    advice = [number for number, (words, _) in enumerate(ADVICE) if re.search(words, said[situation])]
    assert advice, said[situation]
    for number in advice:
        words, follow = ADVICE[number]
        for scene in played(situation, machine, tmp_path / str(number)):
            scene.mend()
            before = len(scene.ids)
            ran, charged = follow(scene, re.search(words, scene.words))
            followed = f"{scene.words!r}, following {words!r}: {ran.error}, {before} charged before, now {scene.ids}"
            if "not recorded" in situation and follow is queues:  # its outcome is not known to the journal
                assert ran.error is not None and len(scene.ids) == before, followed
                continue
            assert ran.error is None and ran.sounds, followed
            assert len(scene.ids) == (before + charged if charged is not None else max(1, before)), followed


# Of those the user has queued the same seed several times, and so has not drawn it.
FIXED = ("again", "gone", "vanished")
DRAWN = [situation for situation in SITUATIONS if not any(word in situation for word in FIXED)]


@pytest.mark.parametrize("situation", DRAWN)
def test_what_is_said_of_a_drawn_seed_is_true_of_the_seed_it_names(machine, tmp_path, monkeypatch, situation):
    """With seed -1 the same queued again draws another one, and finds nothing that was paid for."""
    drawn = iter(range(1000, 10_000, 100))
    monkeypatch.setattr(requests.secrets, "randbelow", lambda most: next(drawn))
    (words,) = (scene.words for scene in played(situation, machine, tmp_path / "first", seed=-1))
    for number, (advice, follow) in enumerate(ADVICE):
        if "with seed" not in advice or not re.search(advice, words):
            continue
        for scene in played(situation, machine, tmp_path / str(number), seed=-1):
            found = re.search(advice, scene.words)
            (seed,) = {int(each) for each in re.findall(r"with seed (\d+)", scene.words)}
            assert all(seed <= job.body["seed"] < seed + scene.takes for job in scene.simulator.service.jobs())
            scene.seed = seed
            scene.mend()
            before = len(scene.ids)
            ran, charged = follow(scene, found)
            assert ran.error is None and len(scene.ids) == (max(1, before) if charged is None else before + charged)


# They say it where nothing that was asked for is to be found, or of a node that has its seed already.
WITHOUT_A_SEED = {
    *("run_other_token", "kept_for_that_token", "missing_asked_again", "journal_full"),
    *("journal_vanished", "journal_vanished_with_ids", "file_locked_for_now", "file_damaged"),
}


def test_whoever_is_told_to_queue_again_is_told_with_which_seed():
    told = {code for code, words in SENTENCES.items() if re.search(r"[Qq]ueue(ing)? [\w ]*again", words)}
    assert len(told) > 15 and told > WITHOUT_A_SEED
    for code in told - WITHOUT_A_SEED:
        assert re.search(r"again( twice)? with seed \{seed\}", SENTENCES[code]), code


@pytest.mark.parametrize("words", [words for words, _ in ADVICE])
def test_every_advice_is_given_somewhere(said, words):
    assert any(re.search(words, sentence) for sentence in said.values())
