"""As a newcomer, with no model, no account and no track: from an example to a result that is heard by clicking only,
and what the nodes say and offer on the way. On one front end in both renderers."""

import re

import pytest
from comfyui_server import PACK_FOLDER_NAME
from local_models import checkpoints
from playwright.sync_api import expect
from runner.graph import editor_graphs

from browser.canvas import workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

EXAMPLE_TRACK = "ACE-Step example track (sketch).flac"


def open_example(canvas, name):
    """The example of that name, out of ComfyUI's template browser."""
    stem = editor_graphs()[name].stem
    canvas.page.get_by_role("button", name="Templates").click()
    templates = canvas.page.get_by_role("dialog")
    templates.get_by_role("button", name=PACK_FOLDER_NAME).click()
    templates.get_by_text(stem).first.click()
    canvas.wait("() => app.graph.nodes.some((node) => node.comfyClass?.startsWith('ACEStep'))")
    canvas.settle()


def test_a_repair_is_heard_without_model_account_and_track(newcomer, newcomers_stage):
    canvas, stage = newcomer, newcomers_stage
    page = canvas.page
    open_example(canvas, "section_repair")
    status = page.locator(".acestep-status")
    status.get_by_text("No ACE-Step model installed").wait_for()
    assert status.locator(".acestep-badge").get_attribute("data-ready") == "false"
    canvas.picture(stage, "first-run-opened")
    page.locator(".acestep-time-range").get_by_role("button", name="Use an example track").click()
    canvas.waveform_is_drawn()
    status.get_by_role("button", name="Try with sketch").click()
    status.get_by_text("not ACE-Step").wait_for()
    canvas.picture(stage, "first-run-ready")
    page.get_by_test_id("queue-button").click()
    canvas.wait("() => document.querySelector('.acestep-state').textContent.startsWith('Done in')")
    status.get_by_role("button", name="Play", exact=True).click()
    canvas.wait("() => parseFloat(document.querySelector('.acestep-seek').value) > 0.3")
    canvas.picture(stage, "first-run-heard")


NODES = """count => {
  const tracker = app.extensionManager.workflow.activeWorkflow.changeTracker;
  return !tracker._restoringState && tracker.activeState.nodes.length === count && app.graph.nodes.length === count;
}"""


def test_a_track_is_loaded_and_connected_where_nothing_is(newcomer, newcomers_comfyui, newcomers_stage):
    canvas, stage = newcomer, newcomers_stage
    canvas.place("TimeRange", "ACEStepInpaint")
    canvas.connect([["TimeRange", 0, "ACEStepInpaint", "time_range"]])
    canvas.open_settled(canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))"))
    canvas.show("TimeRange", 0.75)
    status = canvas.panel("ACEStepInpaint")
    expect(status).to_contain_text("Connect a track from Load Audio")
    status.get_by_role("button", name="Use an example track").click()
    canvas.waveform_is_drawn()
    expect(status.get_by_role("button", name="Use an example track")).to_be_hidden()
    canvas.picture(stage, "first-run-added")
    for keys, count in ((None, 3), ("Control+z", 2), ("Control+y", 3)):
        if keys:
            canvas.page.keyboard.press(keys)
        canvas.wait(NODES, count)
    (loader,) = [key for key, node in canvas.editor.prompt().items() if node["class_type"] == "LoadAudio"]
    assert canvas.inputs("LoadAudio")["audio"] == EXAMPLE_TRACK
    assert canvas.inputs("TimeRange")["audio"] == canvas.inputs("ACEStepInpaint")["audio"] == [loader, 0]
    assert [path.name for path in newcomers_comfyui.input.glob("*.flac")] == [EXAMPLE_TRACK]


def test_a_file_that_is_not_there_counts_as_no_track(newcomer):
    canvas = newcomer
    canvas.open(workflow("section_repair", "gone.mp3"))
    canvas.show("ACEStepInpaint", 0.75)
    status = canvas.panel("ACEStepInpaint")
    expect(status).to_contain_text("gone.mp3 is not on the server. Choose a track in Load Audio")
    expect(canvas.page.locator(".acestep-message")).to_contain_text("gone.mp3 is not on the server")
    status.get_by_role("button", name="Use an example track").click()
    canvas.waveform_is_drawn()
    assert canvas.inputs("LoadAudio")["audio"] == EXAMPLE_TRACK
    expect(status.locator(".acestep-no-track")).to_be_hidden()
    assert canvas.page.evaluate("!app.graph.nodes.some((node) => node.has_errors)")


def test_runcomfy_comes_with_its_account_and_its_price(newcomer):
    canvas = newcomer
    canvas.open(workflow("text_to_music"))
    canvas.show("ACEStepGenerate", 0.75)
    status = canvas.panel("ACEStepGenerate")
    status.get_by_role("button", name="Use RunComfy").click()
    account = canvas.page.get_by_role("dialog", name="RunComfy account")
    expect(account.get_by_label("API token")).to_be_focused()
    canvas.page.keyboard.press("Escape")
    expect(account).to_have_count(0)
    expect(status.locator(".acestep-money")).to_have_text(re.compile(r"^≈ \$0\.\d+$"))
    expect(status.locator(".acestep-offers").first).to_be_hidden()
    assert canvas.values("ACEStepGenerate")["backend"] == "runcomfy"


def test_the_message_of_a_failed_run_is_whole_and_can_be_copied(newcomer, newcomers_stage):
    canvas, stage = newcomer, newcomers_stage
    canvas.open(workflow("text_to_music"))
    canvas.show("ACEStepGenerate", 0.75)
    status = canvas.panel("ACEStepGenerate")
    canvas.page.get_by_test_id("queue-button").click()
    message = status.get_by_role("alert")
    message.wait_for()
    canvas.picture(stage, "first-run-failed")
    text = message.inner_text()
    assert len(text) > 400 and text.startswith("ACEStepGenerate: ACE-Step 1.5 is not installed.")
    assert text.endswith("set backend to sketch.")
    canvas.page.keyboard.press("Escape")  # what ComfyUI itself opened about it
    canvas.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    message.click(click_count=3)
    canvas.page.keyboard.press("Control+c")
    assert canvas.page.evaluate("navigator.clipboard.readText()") == text
    status.get_by_role("button", name="Try with sketch").click()
    expect(message).to_be_hidden()


def test_a_model_that_was_put_in_its_folder_is_seen_by_pressing_r(newcomer, newcomers_comfyui):
    canvas = newcomer
    canvas.open(workflow("text_to_music"))
    canvas.show("ACEStepGenerate", 0.75)
    status = canvas.panel("ACEStepGenerate")
    expect(status).to_contain_text("No ACE-Step model installed")
    canvas.set("ACEStepGenerate", variant="xl_sft")
    expect(status).to_contain_text("ACE-Step 1.5 XL sft is not installed")
    canvas.set("ACEStepGenerate", variant="auto")
    file = newcomers_comfyui.workspace.models / "checkpoints" / "ace_step_1.5_turbo_aio.safetensors"
    checkpoints.write(file, checkpoints.V15_AIO)
    try:
        canvas.page.keyboard.press("r")
        badge, name = status.locator(".acestep-badge"), status.locator(".acestep-what")
        expect(name).to_have_text("ACE-Step 1.5 turbo")
        expect(badge).to_have_attribute("data-ready", "true")
        assert file.name in name.get_attribute("title")
        expect(status.locator(".acestep-offers").first).to_be_hidden()
        canvas.set("ACEStepGenerate", version="ace-step")
        expect(name).to_have_text("ACE-Step v1 is not installed")
        expect(badge).to_have_attribute("data-ready", "false")
    finally:
        file.unlink()
        canvas.page.keyboard.press("r")
    expect(name).to_have_text("ACE-Step v1 is not installed")
    canvas.set("ACEStepGenerate", version="auto")
    expect(name).to_have_text("No ACE-Step model installed")
