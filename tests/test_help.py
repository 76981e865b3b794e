"""Every input and output has its words: in the help pages and in the locales, in English and in Chinese."""

import asyncio
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NODES = ("ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint", "TimeRange", "TagBuilder")


@pytest.fixture(scope="module")
def schemas(comfy_path):
    from acestep_nodes.nodes.comfyui.extension import ACEStepExtension

    return {node.GET_SCHEMA().node_id: node.GET_SCHEMA() for node in asyncio.run(ACEStepExtension().get_node_list())}


def locale(language, file):
    return json.loads((ROOT / "locales" / language / f"{file}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("page", ["{}/en.md", "{}/zh.md"])
def test_a_help_page_explains_every_input_and_output(schemas, node, page):
    text = (ROOT / "js" / "docs" / page.format(node)).read_text(encoding="utf-8")
    labels = re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(labels)))
    wanted = {item.id for item in schemas[node].inputs} | {item.display_name for item in schemas[node].outputs}
    assert wanted <= named, f"{page.format(node)} does not explain {sorted(wanted - named)}"
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert len(headings) >= 4, headings
    assert "](http" not in text  # pages work without a network


@pytest.mark.parametrize("node", NODES)
def test_a_language_without_a_page_of_its_own_reads_english(node):
    """The front end asks for the page of its language, and only without one for the page beside the folder."""
    docs = ROOT / "js" / "docs"
    beside, english = docs / f"{node}.md", docs / node / "en.md"
    assert beside.read_bytes() == english.read_bytes(), f"copy the one that was edited: {beside} or {english}"


@pytest.mark.parametrize("node", NODES)
def test_english_says_what_the_schema_says(schemas, node):
    schema, words = schemas[node], locale("en", "nodeDefs")[node]
    assert words["display_name"] == schema.display_name and words["description"] == schema.description
    assert words["inputs"] == {item.id: {"name": item.id, "tooltip": item.tooltip} for item in schema.inputs}
    assert words["outputs"] == {
        str(i): {"name": item.display_name, "tooltip": item.tooltip} for i, item in enumerate(schema.outputs)
    }


def shape(value):
    return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize("file", ["main", "nodeDefs", "commands", "settings"])
def test_chinese_says_as_much_as_english(file):
    assert shape(locale("zh", file)) == shape(locale("en", file))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_text_holds_what_the_front_end_would_take_for_its_own_syntax(language):
    def texts(value):
        return [value] if isinstance(value, str) else [text for item in value.values() for text in texts(item)]

    for file in ("main", "nodeDefs", "commands", "settings"):
        for text in texts(locale(language, file)):
            assert text and not set("@{}|") & set(text), text


def test_every_tooltip_of_the_schema_is_there(schemas):
    for name, schema in schemas.items():
        for item in (*schema.inputs, *schema.outputs):
            assert item.tooltip, f"{name}: {item.id} has no tooltip"
