"""Get the model: what a newcomer is shown, and a download from a click to a model that would run. On one front end in
both renderers, from a hub on loopback."""

import pytest
from playwright.sync_api import expect
from small_models import LARGE, MEGABYTE

from browser.canvas import workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

TURBO = "ace_step_1.5_turbo_aio.safetensors"
# What huggingface_hub hands on at a time has arrived, and no more.
HELD_AT = 11 * MEGABYTE
ARRIVED = "10.5 MB of 25.2 MB, 41 %"
ASK = """async route => (await fetch(`/acestep/models/${route}`, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" })).json()"""
# As the server tells every page; a line that is held has no speed.
TELL = "state => app.api.dispatchEvent(new CustomEvent('acestep.download', { detail: state }))"
RUNNING = {
    "id": "turbo", "title": "ACE-Step 1.5 turbo", "phase": "running", "file": TURBO, "total_bytes": LARGE,
    "message": None,
}  # fmt: skip


@pytest.fixture
def row(newcomer, newcomers_comfyui, hub):
    """The status row of a Generate node; afterwards no model is there, and no download."""
    newcomer.open(workflow("text_to_music"))
    newcomer.show("ACEStepGenerate", 0.75)
    yield newcomer.panel("ACEStepGenerate")
    hub.faults.clear()
    hub.released.set()
    newcomer.page.evaluate(ASK, "cancel")
    for file in newcomers_comfyui.workspace.models.rglob("*.safetensors"):
        file.unlink()
    newcomer.page.keyboard.press("Escape")
    newcomer.page.keyboard.press("r")


def models_dialog(page):
    return page.get_by_role("dialog", name="Get an ACE-Step model")


def open_when_something_has_arrived(page, row):
    """The dialog. Of a line that is held the server has nothing more to tell: what is there is asked for."""
    page.evaluate(
        f"""async () => {{
          while ((await ({ASK})("state")).done_bytes === 0) await new Promise((next) => setTimeout(next, 100));
        }}"""
    )
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Show the download").click()
    return models_dialog(page)


def test_nothing_is_downloaded_before_it_is_known_what_and_where_to(newcomer, newcomers_stage, row, hub):
    asked = len(hub.requests)
    row.get_by_role("button", name="Get the model").click()
    dialog = models_dialog(newcomer.page)
    turbo = dialog.get_by_role("radio", name="ACE-Step 1.5 turbo Fast")
    expect(turbo).to_be_checked()
    expect(turbo).to_be_focused()
    for words in ("Recommended", TURBO, "25.2 MB", "checkpoints", "MIT", "huggingface.co", "Free disk space"):
        expect(dialog).to_contain_text(words)
    for palette in ("light", "dark"):
        newcomer.theme(palette)
        newcomer.picture(newcomers_stage, f"models-{palette}")
    newcomer.page.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("radio", name="ACE-Step 1.5 base")).to_be_checked()
    for name in ("acestep_v1.5_base", "qwen_0.6b_ace15", "qwen_1.7b_ace15", "ace_1.5_vae"):
        expect(dialog.get_by_role("row", name=name)).to_be_visible()
    assert "table" in dialog.aria_snapshot() and 'radio "ACE-Step v1' in dialog.aria_snapshot()
    newcomer.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row.get_by_role("button", name="Get the model")).to_be_focused()
    assert len(hub.requests) == asked


def test_a_download_outlives_the_page_is_paused_and_ends_in_a_model_that_would_run(newcomer, newcomers_stage, row, hub):
    hub.hold_after(HELD_AT)
    row.get_by_role("button", name="Get the model").click()
    dialog = models_dialog(newcomer.page)
    dialog.get_by_role("button", name="Download 25.2 MB").click()
    expect(dialog.get_by_role("button", name="Pause")).to_be_focused()
    dialog = open_when_something_has_arrived(newcomer.page, row)
    expect(dialog).to_contain_text(ARRIVED)
    expect(dialog.get_by_role("progressbar", name="Progress of the download")).to_have_js_property("value", 41)
    newcomer.page.evaluate(TELL, {**RUNNING, "done_bytes": 12 * MEGABYTE, "bytes_per_second": 2 * MEGABYTE})
    expect(dialog).to_contain_text("2.10 MB/s, 0:06 left")
    newcomer.picture(newcomers_stage, "models-running")
    newcomer.page.keyboard.press("Escape")
    expect(row.locator(".acestep-what")).to_have_text("Getting ACE-Step 1.5 turbo: 50 %")

    newcomer.page.once("dialog", lambda leaving: leaving.accept())
    newcomer.page.reload()
    newcomer.page.wait_for_function("window.app?.vueAppReady && window.app.graph")
    newcomer.page.wait_for_function("window.app.extensionManager?.workflow?.activeWorkflow")
    newcomer.take_errors()  # of the front end itself, while it starts
    newcomer.open(workflow("text_to_music"))
    newcomer.show("ACEStepGenerate", 0.75)
    row = newcomer.panel("ACEStepGenerate")
    expect(row.locator(".acestep-what")).to_have_text("Getting ACE-Step 1.5 turbo: 41 %")
    row.get_by_role("button", name="Show the download").click()
    expect(dialog).to_contain_text(ARRIVED)
    dialog.get_by_role("button", name="Pause").press("Enter")
    expect(dialog).to_contain_text("Paused. What is there is kept.")
    proceed = dialog.get_by_role("button", name="Continue, 14.7 MB to go")
    expect(proceed).to_be_focused()
    hub.released.set()
    proceed.press("Enter")
    expect(dialog.locator(".acestep-result[data-kind=good]")).to_be_visible()
    expect(dialog.locator(".acestep-badge[data-kind=good]")).to_have_text("Installed")
    newcomer.picture(newcomers_stage, "models-done")
    newcomer.page.keyboard.press("Escape")
    expect(row.locator(".acestep-what")).to_have_text("ACE-Step 1.5 turbo")
    expect(row.locator(".acestep-badge")).to_have_attribute("data-ready", "true")
    expect(row.locator(".acestep-offers").first).to_be_hidden()
    assert hub.sent() >= LARGE


def test_what_goes_wrong_is_the_servers_sentence_and_a_cancelled_download_is_none(newcomer, row, hub):
    hub.fault("hub", "status", times=100, status=404, code="EntryNotFound")
    row.get_by_role("button", name="Get the model").click()
    dialog = models_dialog(newcomer.page)
    dialog.get_by_role("button", name="Download 25.2 MB").click()
    problem = dialog.locator(".acestep-result[data-kind=bad]")
    expect(problem).to_contain_text(TURBO)
    expect(row.locator(".acestep-what")).to_have_text("ACE-Step 1.5 turbo: download stopped at 0 %")
    hub.faults.clear()
    hub.hold_after(HELD_AT)
    dialog.get_by_role("button", name="Continue").click()
    dialog = open_when_something_has_arrived(newcomer.page, row)
    expect(dialog).to_contain_text(ARRIVED)
    # One at a time, and that is said.
    dialog.get_by_role("radio", name="ACE-Step v1").check()
    expect(dialog).to_contain_text("ACE-Step 1.5 turbo is being downloaded; one at a time.")
    expect(dialog.get_by_role("button", name="Download")).to_be_disabled()
    dialog.get_by_role("radio", name="ACE-Step 1.5 turbo Fast").check()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.get_by_role("button", name="Download")).to_be_focused()
    expect(dialog.get_by_role("progressbar")).to_be_hidden()
    hub.released.set()  # and the server notices
    expect(dialog.get_by_role("button", name="Download 25.2 MB")).to_be_visible()
    newcomer.page.keyboard.press("Escape")
    expect(row.locator(".acestep-what")).to_have_text("No ACE-Step model installed")
