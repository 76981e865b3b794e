"""What the status row says of paid runs that did not end by themselves, in each front end and renderer. Screenshots are
left in .artefacts/ to be looked at."""

import itertools
import re
import sys
from pathlib import Path

import pinned
import pytest
from comfyui_server import PACK_FOLDER_NAME
from conftest import NEWEST_VERSION
from runcomfy_runs import hosted_by
from runner import server, workspace
from runner.places import PACK_DIR

from browser.canvas import STAGES, Canvas, Stage, editing, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

_SAYS = """([part, pattern]) =>
  new RegExp(pattern).test(document.querySelector(`[data-test-panel] .acestep-${part}`)?.innerText)"""
_ASK = """([route, question]) => app.api.fetchApi(`/acestep/${route}`, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question),
}).then((answer) => answer.json())"""
_NUMBERS = itertools.count(7000)


def says(canvas, part, pattern):
    canvas.wait(_SAYS, [part, pattern])


def queue(canvas):
    canvas.page.evaluate("() => void app.queuePrompt(0, 1)")


def seed_of(stage) -> int:
    """One that no other stage has asked for: the same request is never bought twice."""
    return next(_NUMBERS) * len(STAGES) + STAGES.index(stage)


@pytest.fixture
def row(canvas, stage, simulator):
    """A row whose backend is signed in and answers at once; what a test makes wait goes on afterwards."""
    usual = simulator.service.queue_seconds, simulator.service.run_seconds
    canvas.page.evaluate(_ASK, ["account/token", {"token": simulator.token}])
    canvas.open(workflow("text_to_music"))
    canvas.set("ACEStepGenerate", backend="runcomfy", duration=20, version="ace-step-1.5", batch_size=2)
    canvas.set("ACEStepGenerate", seed=seed_of(stage))
    canvas.show("ACEStepGenerate", 0.75)
    yield canvas.panel("ACEStepGenerate")
    simulator.change({"queue_seconds": usual[0], "run_seconds": usual[1]})
    canvas.page.evaluate(_ASK, ["account/clear", {}])


def stop_two_takes(canvas, simulator):
    """One of the two runs already when Stop is pressed, the other one waits. Their jobs, in this order."""
    simulator.change({"queue_seconds": 600.0, "run_seconds": 600.0})
    before = len(simulator.service.jobs())
    queue(canvas)
    says(canvas, "state", "2 × In queue")
    runs, waits = simulator.service.jobs()[before:]
    runs.queue_seconds = 0.0
    says(canvas, "state", "1 × Rendering")
    canvas.page.evaluate("() => app.api.interrupt()")
    says(canvas, "state", "^Stopped$")
    return runs, waits


def test_a_stop_names_its_requests_and_resume_fetches_those_alone(canvas, stage, simulator, row):
    queue(canvas)
    says(canvas, "state", "^Done in")
    canvas.set("ACEStepGenerate", seed=seed_of(stage))
    runs, waits = stop_two_takes(canvas, simulator)
    says(canvas, "notes", f"Running or complete when it was stopped, so charged: take . {runs.request_id} \\(≈ \\$0")
    says(canvas, "notes", f"Cancelled while waiting, not charged: take . {waits.request_id}\\.")
    says(canvas, "notes", "Charged: ≈ \\$0\\.0060\\.")
    for palette in ("light", "dark"):
        canvas.theme(palette)
        canvas.picture(stage, f"stopped-{palette}")

    row.get_by_role("button", name="Resume", exact=True).click()
    assert canvas.values("ACEStepGenerate")["resume_request_id"] == runs.request_id
    says(canvas, "money", "^no new charge$")
    says(canvas, "notes", f"Fetches {runs.request_id}: nothing is bought")
    for job in (runs, waits):
        job.queue_seconds = job.run_seconds = 0.0
    paid = simulator.paid
    queue(canvas)
    says(canvas, "state", "^Done in")
    says(canvas, "notes", f"{waits.request_id} was cancelled")  # one id stands for its whole run
    assert simulator.paid == paid
    row.get_by_role("button", name="Clear resume").click()

    row.get_by_role("button", name="Account").click()
    canvas.page.get_by_text("Paid requests").click()
    requests = canvas.page.locator(".acestep-request")
    requests.filter(has=canvas.page.get_by_label(f"Copy id {waits.request_id}")).get_by_text("cancelled").wait_for()
    charged, cancelled = (
        requests.filter(has=canvas.page.get_by_label(f"Copy id {each.request_id}")).inner_text()
        for each in (runs, waits)
    )
    assert "$0.0060" in charged and "$" not in cancelled
    canvas.picture(stage, "paid-requests")
    canvas.page.keyboard.press("Escape")


@pytest.fixture
def restarted():
    """Starts ComfyUI, each time on the same folders: it forgets its history."""
    place = workspace.self_contained({PACK_FOLDER_NAME: PACK_DIR})
    running = []

    def start(environment) -> server.Server:
        for each in running:
            each.stop()
        tree = pinned.tree(NEWEST_VERSION)
        running.append(server.start(Path(sys.executable), tree, place, ["--cpu"], environment=environment))
        return running[-1]

    yield start
    for each in running:
        each.stop()
    place.remove()


def test_after_a_restart_of_the_server_the_journal_tells_of_the_last_paid_run(restarted, browser, simulator):
    stage = Stage(NEWEST_VERSION, None, nodes_2=False)
    before = len(simulator.service.jobs())
    with editing(restarted(hosted_by(simulator)), browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(workflow("text_to_music"))
        canvas.set("ACEStepGenerate", backend="runcomfy", duration=20, version="ace-step-1.5", batch_size=2)
        canvas.set("ACEStepGenerate", seed=77)
        canvas.show("ACEStepGenerate", 0.75)
        canvas.panel("ACEStepGenerate")
        queue(canvas)
        says(canvas, "state", "^Done in")
        saved = canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    ids = [job.request_id for job in simulator.service.jobs()[before:]]
    paid = simulator.paid

    again = restarted(hosted_by(simulator))
    with editing(again, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(saved)
        canvas.show("ACEStepGenerate", 0.75)
        row = canvas.panel("ACEStepGenerate")
        says(canvas, "notes", "Last paid run of this node: .*, seed 77\\.")
        says(canvas, "notes", "Charged: \\$0\\.0120\\.")
        for request_id in ids:
            says(canvas, "notes", f"Delivered: .*{request_id} \\(\\$0\\.0060\\)")
        assert row.locator(".acestep-state").inner_text() == "" and not row.locator(".acestep-seams").is_visible()
        for palette in ("light", "dark"):
            canvas.theme(palette)
            canvas.picture(stage, f"remembered-{palette}")
        row.get_by_role("button", name="Resume", exact=True).click()
        assert set(canvas.values("ACEStepGenerate")["resume_request_id"].split(", ")) == set(ids)
        says(canvas, "money", "^no new charge$")
        queue(canvas)
        says(canvas, "state", "^Done in")
        assert simulator.paid == paid and row.get_by_text(re.compile("Last paid run")).count() == 0
    saved["id"] = "00000000-0000-4000-8000-000000000000"  # the same node in a workflow that has bought nothing
    with editing(again, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(saved)
        row = canvas.panel("ACEStepGenerate")
        says(canvas, "money", "\\$0\\.0120")
        canvas.settle()
        assert "Last paid run" not in row.inner_text()
