"""index.html of a batch, from the disk in a real browser: heard, found, read, and nothing runs in it but its own."""

import json

import numpy
import pytest
from editor import browsing
from runcomfy_simulator import rendering
from runner import graph
from runner.jobs import page as job_page
from runner.jobs.file import parse
from runner.jobs.graphs import Sources, made
from runner.jobs.records import DONE, FAILED, Records

HOSTILE = (
    "<img src=x onerror=\"document.title='hacked'\">&amp;</li><!--title--><script>document.title='hacked'</script>"
)
LINES = [
    {"name": "calm # piano 100% \u266b", "1.tags": "jazz, soft piano", "1.seed": 3},
    {"name": "zwei", "1.tags": HOSTILE, "1.lyrics": HOSTILE, "1.seed": 4},
    {"name": "failing", "1.tags": "rock", "1.seed": 5},
    {"name": "waiting", "1.tags": "funk", "1.seed": 6},
]
# WCAG's least contrast of text.
LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A batch with two sounds, a failure, and a job that is still to run."""
    folder = tmp_path_factory.mktemp("batch")
    base = graph.load("text_to_music")[1]
    asked = parse("\n".join(map(json.dumps, LINES)).encode(), "jobs.jsonl", "w")
    jobs = made(asked, base, folder / "jobs.jsonl", None, Sources())
    records = Records(folder / "out")
    for seed, each in enumerate(jobs[:2]):
        tone = numpy.sin(numpy.arange(44_100) * (0.05 + seed / 10))[None].astype(numpy.float32) * 0.3
        path = folder / "tone.flac"
        path.write_bytes(rendering.write(rendering.Music(tone, 44_100), "flac"))
        [entry] = records.bring(each, [path])
        files = [entry | {"seconds": 1.0, "waveform": [n % 100 for n in range(200)]}]
        facts = {"model": HOSTILE, "seeds": [seed], "took_seconds": 2.5, "warnings": [HOSTILE]}
        facts |= {"request_ids": [f"request-{seed}"], "estimate_usd": 0.005}
        facts["cost_usd"] = [None, 0.006][seed]  # what is not reported is estimated
        seams = [{"time_seconds": 12.0, "verdict": "poor"}, {"time_seconds": 20.0, "verdict": "good"}]
        records.add(each, {"state": DONE, "files": files, "seams": seams} | facts)
    records.add(jobs[2], {"state": FAILED, "error": f"It is broken {HOSTILE}", "kind": "RenderFailed"})
    job_page.write(jobs, records, HOSTILE)
    return folder / "out"


@pytest.fixture(scope="module")
def browser(chromium_path):
    with browsing(chromium_path) as running:
        yield running


@pytest.fixture(params=["light", "dark"])
def page(browser, folder, request):
    context = browser.new_context(color_scheme=request.param, viewport={"width": 900, "height": 800})
    opened = context.new_page()
    opened.said = []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda asked: asked.url.startswith("file:") or opened.said.append(asked.url))
    opened.goto((folder / job_page.PAGE).as_uri())
    yield opened
    assert opened.said == []
    context.close()


def texts(page, selector):
    return [element.inner_text() for element in page.query_selector_all(selector)]


def test_every_job_is_there_with_what_became_of_it(page):
    assert texts(page, "h1") == [HOSTILE] and page.title() == HOSTILE
    assert "2 of 4 done, 1 failed, 1 to do, about $0.0110" in texts(page, "header .summary")[0]
    assert texts(page, "h2") == [json_line["name"] for json_line in LINES]
    assert [each.get_attribute("data-state") for each in page.query_selector_all(".job")] == [
        "done",
        "done",
        "failed",
        "open",
    ]
    second = page.query_selector_all(".job")[1].inner_text()
    assert "about $0.0050" in page.query_selector_all(".job")[0].inner_text()
    assert (
        HOSTILE in second
        and "$0.0060" in second
        and "about" not in second
        and "seed 1" in second
        and "rendered in 2.5 s" in second
    )
    assert "The seam at 12.00 s is poor." in second and "20.00" not in second
    assert f"Failed. It is broken {HOSTILE}" in page.query_selector_all(".job")[2].inner_text()
    assert page.query_selector("img") is None and len(page.query_selector_all("script")) == 1


def test_a_sound_plays_from_the_disk_by_key_and_by_a_click_on_its_picture_and_leads_to_the_next(page):
    sounds = page.query_selector_all("audio")
    assert [sound.get_attribute("aria-label") for sound in sounds] == [f"{LINES[0]['name']}, 1.0 s", "zwei, 1.0 s"]
    page.check("#on")
    page.query_selector_all("svg")[0].click(position={"x": 1, "y": 5})
    playing = "number => { const s = document.querySelectorAll('audio')[number]; return s.currentTime > 0.2; }"
    page.wait_for_function(playing, arg=0)
    page.wait_for_function(playing, arg=1)  # the first has ended and the second plays
    page.wait_for_function("() => document.querySelectorAll('audio')[1].ended")
    assert page.evaluate("[...document.querySelectorAll('audio')].map(s => Math.round(s.duration * 10))") == [10, 10]
    sounds[0].focus()
    page.keyboard.press("Space")
    page.wait_for_function(playing, arg=0)


def test_every_control_is_reached_with_the_tab_key_and_seen_to_be(page):
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName + (document.activeElement.type || '')"))
        if page.evaluate("document.activeElement === document.querySelectorAll('summary')[3]"):
            break
    assert {"INPUTsearch", "INPUTcheckbox", "AUDIO", "SUMMARY"} <= reached
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert "funk" in page.query_selector_all("dl")[3].inner_text()


def test_jobs_are_found_by_their_words(page):
    page.fill("input[type=search]", "JAZZ piano")
    assert texts(page, ".job:not([hidden]) h2") == [LINES[0]["name"]]
    assert texts(page, "[role=status]") == ["1 of 4"]
    page.fill("input[type=search]", "")
    assert len(texts(page, ".job:not([hidden])")) == 4


CONTRAST = """() => {
  const channel = (c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => {
    const [r, g, b] = rgb.match(/\\d+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("h1, h2, p, li, dt, dd, summary, label")].map((element) => {
    const [a, b] = [getComputedStyle(element).color, ground(element)].map(light).sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
}"""


def test_it_can_be_read_in_light_and_dark_and_on_a_narrow_screen(page):
    assert min(page.evaluate(CONTRAST)) >= LEAST_CONTRAST
    page.set_viewport_size({"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth <= 320")
