"""What a report says: a sentence and a code for each remark, the same in Python and in both languages of the page."""

import re
from pathlib import Path
from string import Formatter

import pytest
from acestep_nodes.nodes.run import report
from acestep_nodes.nodes.words.remarks import SENTENCES, directed, joined, remark

ROOT = Path(__file__).resolve().parents[1]
CODES = [code for code in SENTENCES if code != "text"]
WHOLE = [code for code in CODES if code not in ("joined", "left_out", "left_out_call")]


def values_in(template: str) -> set[str]:
    return {name for _, name, *_ in Formatter().parse(template) if name}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("code", CODES)
def test_the_page_has_words_for_every_code_with_the_same_values(code, language):
    strings = (ROOT / "js" / "strings" / f"{language}.js").read_text(encoding="utf-8")
    (words,) = re.findall(rf'^  "said\.{code}":\s+"(.+)",$', strings, re.MULTILINE)
    assert values_in(words) == values_in(SENTENCES[code])


def test_the_page_has_words_for_no_other_code():
    strings = (ROOT / "js" / "strings" / "en.js").read_text(encoding="utf-8")
    assert set(re.findall(r'^  "said\.(\w+)"', strings, re.MULTILINE)) == set(CODES)


@pytest.mark.parametrize("code", WHOLE)
def test_every_code_that_is_used_is_a_sentence(code):
    values = dict.fromkeys(values_in(SENTENCES[code]), 1.25)
    text = remark(code, **values).sentence()
    assert text.endswith(".") and "{" not in text


def test_a_report_holds_a_code_for_each_warning_in_the_same_order():
    said = [remark("weak_context"), "A backend's own words.", directed("seam_louder", "seam_softer", -9.0, time=1.5)]
    facts = report.build(backend="b", version="v", model="m", seeds=[1], warnings=[*said, said[0], said[1]])
    assert facts["codes"] == [
        {"code": "weak_context", "values": {}},
        {"code": "text", "values": {"text": "A backend's own words."}},
        {"code": "seam_softer", "values": {"time": 1.5, "db": 9.0}},
    ]
    assert facts["warnings"][1] == "A backend's own words." and len(facts["warnings"]) == 3
    assert facts["warnings"][2].startswith("At 1.50 s the new part is 9.0 dB softer")


def test_a_remark_may_be_a_value_of_another_one():
    parts = [remark("no_context"), remark("seam_louder", time=1.0, db=2.0), remark("sketch")]
    said = joined(*parts)
    assert said.sentence() == " ".join(each.sentence() for each in parts)
    then = said.as_dict()["values"]["then"]
    assert then["code"] == "joined" and then["values"]["first"] == parts[1].as_dict()
