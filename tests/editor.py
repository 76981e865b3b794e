"""ComfyUI's real front end in a real browser, for tests and for drawing the workflows' pictures."""

import contextlib
import json
import urllib.request
from dataclasses import dataclass, field

from playwright.sync_api import Page, sync_playwright

# Chromium without its own background traffic: the only addresses it may reach are loopback ones.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--autoplay-policy=no-user-gesture-required",
)
# What ComfyUI itself writes to the console on a machine without internet.
NOT_OURS = ("net::ERR_", "status of 404", "status of 400")

# In the tab that is open, as each further tab makes the front end slower. A tab remembers what its nodes put out,
# by their ids, and would give it to the new ones.
_LOAD = """graph => {
  app.clean();
  return app.loadGraphData(graph, true, true, app.extensionManager.workflow.activeWorkflow);
}"""
_TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


@dataclass
class Editor:
    """One open page of the editor. ``console`` collects its errors and uncaught exceptions, ``warnings`` its warnings
    and errors with the scripts that led to them."""

    page: Page
    console: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def load(self, graph: dict) -> None:
        """Open a graph in the editor's format in place of the one on screen, and wait until it is drawn."""
        self.page.evaluate(_LOAD, graph)
        self.page.wait_for_function("count => app.graph.nodes.length === count", arg=len(graph["nodes"]))
        self.page.wait_for_function(_TWO_FRAMES)

    def prompt(self) -> dict:
        """The open graph in API format, by the front end's own conversion."""
        return self.page.evaluate("async () => (await app.graphToPrompt()).output")

    def errors(self, folder_name: str) -> list[str]:
        """Console errors and warnings that are this pack's doing."""
        errors = [line for line in self.console if folder_name in line or not any(known in line for known in NOT_OURS)]
        return errors + [line for line in self.warnings if folder_name in line]


@contextlib.contextmanager
def browsing(chromium: str):
    """A Chromium without a window, for ``opened``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(browser, url: str, nodes_2: bool = False, size: tuple[int, int] = (1600, 900), sharpness=1, **settings):
    """An Editor on the server at ``url``, in LiteGraph or in Nodes 2.0, with further ComfyUI settings by id.

    size: of the page; a screenshot has ``sharpness`` pixels for each of its own.
    """
    _post_settings(url, {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.Enabled": nodes_2, **settings})
    # Without animations, of which software rendering would draw every frame.
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=viewport, device_scale_factor=sharpness, reduced_motion="reduce")
    try:
        yield _shown(page, url)
    finally:
        page.close()


def _shown(page: Page, url: str) -> Editor:
    editor = Editor(page)
    page.on("console", lambda message: message.type == "error" and editor.console.append(_line(message)))
    page.on("pageerror", lambda error: editor.console.append(f"uncaught: {error}"))
    # Playwright tells where a line was written, the protocol below it who asked for what was complained about.
    protocol = page.context.new_cdp_session(page)
    protocol.on("Runtime.consoleAPICalled", lambda event: editor.warnings.extend(_complaint(event)))
    protocol.send("Runtime.enable")
    page.goto(url)
    page.wait_for_function("window.app?.vueAppReady && window.app.graph")
    # Not only for the first that uses what is deprecated.
    page.evaluate("LiteGraph.alwaysRepeatWarnings = true")
    return editor


def _line(message) -> str:
    return f"{message.text} ({message.location.get('url', '')})"


def _complaint(event: dict) -> list[str]:
    """The line for a warning or error of the console, with each script that was running or waited for it."""
    if event["type"] not in ("warning", "error"):
        return []
    scripts, stack = [], event.get("stackTrace")
    while stack:
        scripts += [f"{frame['url']}:{frame['lineNumber'] + 1}" for frame in stack["callFrames"]]
        stack = stack.get("parent")
    text = " ".join(str(part.get("value", part.get("description", ""))) for part in event["args"])
    return [f"{event['type']}: {text} ({', '.join(scripts)})"]


def _post_settings(url: str, settings: dict) -> None:
    body = json.dumps(settings).encode()
    request = urllib.request.Request(url + "/settings", body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
