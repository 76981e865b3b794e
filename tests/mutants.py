"""Break the code where it matters most, one place at a time, and see that a test notices each.

    python3 tests/run.py tests/mutants.py [TEXT]

TEXT: only those whose description holds it. Each mutant is one piece of one file exchanged for a wrong one, in a copy
of the working tree; the named tests are run there until the first fails, one mutant on each core. The table says which
test it was. Exit code 1 when a mutant survives: when no test fails, or the one that does fails on the code as it is,
too. That the list is in step with the code is one of the tests (test_mutants.py).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNCOMFY = "nodes/backends/runcomfy"
LOCAL = "nodes/backends/local"
NOT_COPIED = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", ".hypothesis", "out", "data", "*.jpg")


@dataclass(frozen=True)
class Mutant:
    """``before`` stands once in ``file`` and becomes ``after``; ``tests`` are files below tests/ that notice it."""

    what: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]


def _mutant(what: str, file: str, before: str, after: str, *tests: str) -> Mutant:
    return Mutant(what, file, before, after, tests)


MONEY = (
    _mutant(
        "send a paid request again after its connection broke",
        f"{RUNCOMFY}/client.py",
        "error=self._unknown(model, why))",
        "error=self._unknown(model, why), refused=True, retry=True)",
        "test_runcomfy_client.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "send a paid request without a word in the journal",
        f"{RUNCOMFY}/purchase.py",
        "return desk.journal.begin(desk.run, self._call, intent)",
        "return intent",
        "test_runcomfy_journal.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "forget the id of an accepted request",
        f"{RUNCOMFY}/sending.py",
        "return self._journal.update(self._entry, state=state, request_id=submission.request_id)",
        "return self._journal.update(self._entry, state=State.REFUSED, request_id=None)",
        "test_runcomfy_journal.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "believe a gateway's 404 about a request",
        f"{RUNCOMFY}/refusals.py",
        "passing = on_the_way or kind in (ServiceUnavailable, TryLater)",
        "kind, passing = (NoSuchThing if on_the_way else kind), kind in (ServiceUnavailable, TryLater)",
        "test_runcomfy_answers.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "take a code that cannot be read for a refusal",
        f"{RUNCOMFY}/refusals.py",
        "how, passing=False, certain=False)",
        "how, passing=False, certain=True)",
        "test_runcomfy_answers.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "take a sentence for read that its prompt has not shown",
        f"{RUNCOMFY}/told.py",
        "return is_its_own and self.error in shown.error",
        "return is_its_own",
        "test_runcomfy_told.py",
    ),
    _mutant(
        "buy again what may have been bought, without having said so",
        f"{RUNCOMFY}/entries.py",
        "return self.shown is not None and self.shown < queued_at",
        "return True",
        "test_runcomfy_journal.py",
        "test_runcomfy_promises.py",
    ),
    _mutant(
        "let a copy that was queued before the sentence pass it",
        f"{RUNCOMFY}/entries.py",
        "return self.shown is not None and self.shown < queued_at",
        "return self.shown is not None",
        "test_runcomfy_journal.py",
        "test_runcomfy_promises.py",
        "test_runcomfy_told.py",
    ),
    _mutant(
        "fetch with one account what another one asked for",
        f"{RUNCOMFY}/entries.py",
        "if (self.account, self.model) != (other.account, other.model):",
        "if self.model != other.model:",
        "test_runcomfy_journal.py",
        "test_runcomfy_account.py",
    ),
    _mutant(
        "drop max_cost_usd",
        f"{RUNCOMFY}/budget.py",
        "if total > self._max_cost_usd + _ROUNDING_USD:",
        "if total > 1000 * self._max_cost_usd:",
        "test_runcomfy_budget.py",
    ),
    _mutant(
        "drop the account's ceiling",
        f"{RUNCOMFY}/budget.py",
        "if others is not None:",
        "if others is not None and others > 1000:",
        "test_runcomfy_budget.py",
    ),
    _mutant(
        "count estimates only, and not what RunComfy says it charged",
        f"{RUNCOMFY}/purchase.py",
        "if bought and cost is not None:",
        "if bought and cost is None:",
        "test_runcomfy_budget.py",
        "test_runcomfy_takes.py",
    ),
    _mutant(
        "buy on when the journal has vanished",
        f"{RUNCOMFY}/journal.py",
        "REMEMBERED.check(self.path, edit.content, run.created)",
        "pass",
        "test_runcomfy_journal.py",
        "test_runcomfy_promises.py",
    ),
    _mutant(
        "take a journal that somebody else has written for one's own",
        f"{RUNCOMFY}/journal_text.py",
        "if text == held:",
        "if held is not None:",
        "test_runcomfy_journal.py",
    ),
    _mutant(
        "leave a request running that Stop could cancel",
        f"{RUNCOMFY}/leaving.py",
        "cancel_and_record(desk.client, desk.journal, entry, desk.run.seed, live, deadline, is_recorded)",
        "live.show(state='stopped')",
        "test_runcomfy_stop.py",
    ),
    _mutant(
        "send the token to the host of the file",
        f"{RUNCOMFY}/download.py",
        "with client.open_without_token() as connection:",
        "with client._open() as connection:",
        "test_runcomfy_account.py",
    ),
    _mutant(
        "fetch a file from whatever host an answer names",
        f"{RUNCOMFY}/download.py",
        "if not (ours or _is_test_servers(url, place)) or url.userinfo:",
        "if url.userinfo:",
        "test_runcomfy_results.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "show the token where the service repeats it",
        f"{RUNCOMFY}/answers.py",
        "text = blotted(text, token)",
        "text = str(text)",
        "test_runcomfy_answers.py",
        "test_runcomfy_account.py",
        "test_runcomfy_faults.py",
    ),
    _mutant(
        "unpack an answer to whatever size it has",
        f"{RUNCOMFY}/connection.py",
        "return unpacker.decompress(chunk, most)",
        "return unpacker.decompress(chunk)",
        "test_runcomfy_waits.py",
    ),
    _mutant(
        "wait for ever for an answer that trickles in",
        f"{RUNCOMFY}/connection.py",
        "timer = threading.Timer(seconds, hang_up)",
        "timer = threading.Timer(3600, hang_up)",
        "test_runcomfy_waits.py",
    ),
    _mutant(
        "let any page whose name leads here use the account",
        "nodes/routes/own_page.py",
        "(_is_loopback_name(asked.host) or _is_address(asked.host) or asked.host in listening)",
        "(asked.host != '')",
        "test_own_page.py",
    ),
    _mutant(
        "keep every run, with its sounds, as long as its prompt is remembered",
        f"{RUNCOMFY}/budget.py",
        "self._prompt, self._key = prompt, object()",
        "self._prompt, self._key = prompt, self",
        "test_runcomfy_budget.py",
    ),
)

SOUND = (
    _mutant(
        "write one sample outside the range",
        "nodes/audio/pieces.py",
        "track.waveform[:, stop : target.stop] = 0",
        "track.waveform[:, stop : target.stop + 1] = 0",
        "test_audio_fit.py",
        "test_edit_properties.py",
        "test_rendering.py",
    ),
    _mutant(
        "begin one sample before the range",
        "nodes/request/time_ranges.py",
        "start, stop = (min(samples, round(time * sample_rate)) for time in pair)",
        "start, stop = (max(0, min(samples, round(time * sample_rate)) - 1) for time in pair)",
        "test_time_ranges.py",
        "test_edit_properties.py",
    ),
    _mutant(
        "swap the channels of the new sound",
        "nodes/audio/pieces.py",
        "part = self.take(low, high) * gains",
        "part = self.take(low, high).flip(0) * gains",
        "test_audio_fit.py",
        "test_edit_properties.py",
    ),
    _mutant(
        "turn the level the wrong way",
        "nodes/audio/pieces.py",
        "gains = gain_curve(piece.gain_db_at(low), piece.gain_db_at(high - 1), high - low)",
        "gains = gain_curve(-piece.gain_db_at(low), -piece.gain_db_at(high - 1), high - low)",
        "test_audio_fit.py",
    ),
    _mutant(
        "cross-fade as if all sounds were alike",
        "nodes/audio/splice.py",
        "level = (fall.square() + rise.square() + 2 * rise * fall * correlation).sqrt()",
        "level = torch.ones_like(fall) + 0 * correlation",
        "test_audio_splice.py",
    ),
    _mutant(
        "say nothing of gaps and clipping in the range",
        "nodes/audio/fit.py",
        "remarks += inside",
        "remarks += []",
        "test_audio_fit.py",
    ),
    _mutant(
        "hand on samples that are not numbers",
        "nodes/run/rendering.py",
        "if not bool(torch.isfinite(out).all()):",
        "if False:",
        "test_rendering.py",
    ),
    _mutant(
        "give every take the same seed",
        "nodes/request/requests.py",
        "return replace(self, seed=self.seeds[call.take], batch_size=1, call=call)",
        "return replace(self, seed=self.seeds[0], batch_size=1, call=call)",
        "test_request.py",
        "test_rendering.py",
        "test_runcomfy_takes.py",
    ),
    _mutant(
        "leave a loud source as loud as it was sent",
        f"{RUNCOMFY}/backend.py",
        "return sound if self._gain == 1.0 else Sound(sound.waveform / self._gain, sound.sample_rate)",
        "return sound",
        "test_runcomfy_sent.py",
    ),
    _mutant(
        "hear what is new at a seam at its far end",
        "nodes/audio/joints.py",
        "new = heard(blocks, silence_power, joint_last=not joint.kept_is_left)",
        "new = heard(blocks, silence_power, joint_last=joint.kept_is_left)",
        "test_audio_seams.py",
    ),
    _mutant(
        "hear what is kept at a seam at its far end",
        "nodes/audio/joints.py",
        "near = blocks.last(KEPT_SECONDS) if joint.kept_is_left else blocks.first(KEPT_SECONDS)\n    slopes",
        "near = blocks.first(KEPT_SECONDS) if joint.kept_is_left else blocks.last(KEPT_SECONDS)\n    slopes",
        "test_audio_seams.py",
    ),
    _mutant(
        "listen to the end of a loop in its middle",
        "nodes/audio/joints.py",
        "kept = (max(0, at - reach), at)",
        "kept = (max(0, at - 2 * reach), at - reach)",
        "test_loop.py",
    ),
    _mutant(
        "take the silence behind a song for its usual way",
        "nodes/audio/seams.py",
        "blocks = blocks.part(sounding[0], sounding[-1] + 1)",
        "blocks = blocks.part(0, len(blocks))",
        "test_audio_seams.py",
    ),
    _mutant(
        "believe a context that came back without its bass",
        "nodes/audio/colour.py",
        "if not math.isfinite(float(off[worst])) or abs(float(off[worst])) < _OFF_DB:",
        "if not math.isfinite(float(off[worst])) or float(off[worst]) < _OFF_DB:",
        "test_audio_colour.py",
    ),
    _mutant(
        "keep the worst take",
        "nodes/run/rendering.py",
        "min(self._takes_of(item), key=self._excess)",
        "max(self._takes_of(item), key=self._excess)",
        "test_keep.py",
    ),
)

ENGINE = (
    _mutant(
        "leave the wrapper on a model that others use",
        f"{LOCAL}/conditioned.py",
        "            delattr(network, _METHOD)",
        "            pass",
        "test_local_pitfalls.py",
        "test_local_engine.py",
    ),
    _mutant(
        "show the network the mask the wrong way round",
        f"{LOCAL}/conditioned.py",
        "torch.cat([source, mask], dim=1)",
        "torch.cat([source, 1 - mask], dim=1)",
        "test_local_engine.py",
        "test_local_equivalence.py",
    ),
    _mutant(
        "put a download in place unchecked",
        f"{LOCAL}/download/fetching.py",
        "if digest != file.sha256:",
        "if digest == '':",
        "test_model_downloads.py",
    ),
    _mutant(
        "take the noise of one part of an edit for the next",
        f"{LOCAL}/rendering.py",
        "return request.seed + request.call.part * _PART_STRIDE",
        "return request.seed",
        "test_local_engine.py",
        "test_local_pitfalls.py",
        "test_local_endings.py",
    ),
    _mutant(
        "correct a step towards the clean sound",
        f"{LOCAL}/correction.py",
        "difference = x - predicted",
        "difference = predicted - x",
        "test_local_correction.py",
    ),
    _mutant(
        "correct no step of turbo",
        f"{LOCAL}/sampling.py",
        "if correction is not None:",
        "if correction is None:",
        "test_local_engine.py",
    ),
    _mutant(
        "correct the steps of base, which upstream does not",
        f"{LOCAL}/recipe.py",
        "BASE = Recipe(steps=32, guidance=7.0)",
        "BASE = Recipe(steps=32, guidance=7.0, correction=Correction(low=0.05, high=0.02))",
        "test_local_engine.py",
    ),
    _mutant(
        "run upstream's recipe where ComfyUI's is asked for",
        f"{LOCAL}/recipe.py",
        "return request.recipe == _COMFYUI",
        "return request.recipe != _COMFYUI",
        "test_local_engine.py",
    ),
    _mutant(
        "go on with a network's values that are not numbers",
        f"{LOCAL}/finite.py",
        "if bool(torch.isfinite(made).all()):",
        "if made.numel():",
        "test_local_finite.py",
    ),
    _mutant(
        "squash what a cover's quantiser takes twice, as ComfyUI does",
        f"{LOCAL}/conditioned.py",
        "values = ((values / bound).tanh() * bound)",
        "values = (((values / bound).tanh() * bound / bound).tanh() * bound)",
        "test_local_songs.py",
    ),
)

SONGS = (
    _mutant(
        "hand on a take beyond full scale",
        "nodes/run/rendering.py",
        "            take /= peak\n",
        "            take /= 1.0\n",
        "test_rendering.py",
    ),
    _mutant(
        "take a changed song for the one that was made",
        f"{LOCAL}/kept.py",
        "if known == digest",
        "if known",
        "test_local_takes.py",
    ),
    _mutant(
        "place a known song by whole frames",
        f"{LOCAL}/kept.py",
        "return cls(part, offset, gain)",
        "return cls(part, 0, gain)",
        "test_local_takes.py",
    ),
    _mutant(
        "forget that a known song was turned down",
        f"{LOCAL}/rendering.py",
        "decoded[:, a - first : b - first] * gain",
        "decoded[:, a - first : b - first]",
        "test_local_takes.py",
    ),
    _mutant(
        "keep songs without end",
        f"{LOCAL}/kept.py",
        "deque(maxlen=MOST_TAKES)",
        "deque()",
        "test_local_takes.py",
    ),
    _mutant(
        "read a reference that is refused",
        "nodes/comfyui/rendering_node.py",
        "cls.build_request(**inputs | dict.fromkeys(waiting, NOT_READ))",
        "cls.build_request(**{name: value for name, value in inputs.items() if name not in waiting})",
        "test_local_songs.py",
    ),
    _mutant(
        "hear a cover to the end whatever its strength",
        f"{LOCAL}/conditioned.py",
        "return self.level > self._cover.until",
        "return True",
        "test_local_songs.py",
    ),
    _mutant(
        "plan a song without a tempo",
        f"{LOCAL}/rendering.py",
        "prompt = prompt.to_plan(request.tags, self._warn)",
        "prompt = prompt",
        "test_local_songs.py",
    ),
    _mutant(
        "run the language model though planning is off",
        f"{LOCAL}/installed.py",
        'return request.planning != "off" and not request.covers',
        "return not request.covers",
        "test_local_songs.py",
    ),
)

MUTANTS = (*MONEY, *SOUND, *ENGINE, *SONGS)


def mutated(mutant: Mutant, text: str) -> str:
    """The file's text with the mutant in it. Raises ValueError when it does not stand there exactly once."""
    if text.count(mutant.before) != 1 or mutant.before == mutant.after:
        raise ValueError(f"{mutant.what}: {mutant.before!r} stands {text.count(mutant.before)} times in {mutant.file}")
    return text.replace(mutant.before, mutant.after)


def first_failure(tree: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """pytest's exit code for the tests in ``tree``, and the test that failed first."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"tests/{name}" for name in tests),
    ]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    found = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, found[1] if found else ""


def caught_by(mutant: Mutant) -> str:
    """The test that fails because of ``mutant``, empty when there is none."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
        path = tree / mutant.file
        whole = path.read_text(encoding="utf-8")
        path.write_text(mutated(mutant, whole), encoding="utf-8")
        broken, failed = first_failure(tree, mutant.tests)
        path.write_text(whole, encoding="utf-8")
        return failed if failed and (broken, first_failure(tree, (failed,))[0]) == (1, 0) else ""


def main(find: str = "") -> int:
    chosen = [mutant for mutant in MUTANTS if find in mutant.what]
    caught = 0
    print("| broken on purpose | caught by |\n| --- | --- |", flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, failed in zip(chosen, pool.map(caught_by, chosen), strict=True):
            caught += bool(failed)
            print(f"| {mutant.what} | {failed or 'NOTHING'} |", flush=True)
    print(f"\n{caught} of {len(chosen)} were caught.")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
