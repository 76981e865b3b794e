"""What the server says on the nodes, in the language that ComfyUI shows, in each front end."""

import pytest
from acestep_nodes.nodes.words.remarks import remark

from browser.canvas import Canvas, editing, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

FAILURE = "() => document.querySelector('[data-test-panel] .acestep-failure')?.textContent"


@pytest.mark.renderer("litegraph")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_why_a_run_failed_is_said_in_the_pages_language(server, browser, stage, language):
    with editing(server, browser, stage, **{"Comfy.Locale": language}) as editor:
        canvas = Canvas(editor)
        canvas.open(workflow("text_to_music"))
        canvas.set("ACEStepGenerate", backend="runcomfy", duration=20)  # and nobody is signed in
        canvas.show("ACEStepGenerate", 0.75)
        canvas.panel("ACEStepGenerate")
        canvas.page.evaluate("() => void app.queuePrompt(0, 1)")
        english = remark("not_signed_in", node="ACEStepGenerate").sentence()
        if language == "en":
            canvas.wait(f"words => ({FAILURE})() === words", english)
        else:
            canvas.wait(f"words => ({FAILURE})()?.includes(words)", "需要 RunComfy")
        canvas.picture(stage, f"failed-{language}")
