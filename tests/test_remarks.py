"""What a report says: a sentence and a code for each remark, the same in Python and in both languages of the page."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest
from acestep_nodes.nodes.run import report
from acestep_nodes.nodes.words.remarks import SENTENCES, directed, joined, remark
from acestep_nodes.nodes.words.sentences import PARTS

ROOT = Path(__file__).resolve().parents[1]
NODES = ROOT / "nodes"
CODES = [code for code in SENTENCES if code != "text"]
# Of several remarks, or with another remark at the end.
FRAMES = {"joined", "listed", "both", "of_node", "left_out", "left_out_call"}
# What other remarks have as a value.
FRAGMENTS = {
    *("with_unit", "huge_number", "time_from_start", "time_before_end", "edge", "edge_at"),
    *("unknown_format", "without_sound", "broken_file", "several_tracks", "unknown_codec", "many_channels"),
    *("unusable_rate", "changing_kind", "too_long", "file_not_numbers", "cut_off"),
    *("kind_mono", "kind_stereo", "kind_channels"),
    *("network_lacks", "method_lacks", "part_network", "part_text_encoder", "part_vae", "of_files", "of_connected"),
    *("file_to_put", "file_to_replace", "own_file_to_put"),
    *("by_hand", "strange_scheme", "of_other_length", "of_other_digest"),
    *("saved_here", "account_dialog", "price_of", "status_of", "result_of", "submission_to", "cancel_of"),
    *("rendered_file", "the_request", "http_status", "http_error", "it_says", "your_generations"),
    *("connection_failed", "answer_without_id", "answer_was", "larger_than", "packed_otherwise", "broken_gzip"),
    *("change_seed", "clear_and_change_seed", "free_with_this_token", "sound_of_request"),
    *("price_per_second", "price_per_output", "estimated_one", "estimated"),
    *("run_size", "one_item", "several_items", "one_take", "several_takes", "one_part", "several_parts"),
    *("a_generated_track", "an_inpaint", "an_outpaint"),
}
WHOLE = [code for code in CODES if code not in FRAMES | FRAGMENTS]


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


def test_no_code_has_two_sentences():
    assert sum(len(part) for part in PARTS) == len(set().union(*PARTS))


def classes_of_errors(trees) -> set[str]:
    """ACEStepError and all that comes from it, by name."""
    bases = {
        found.name: {getattr(base, "attr", getattr(base, "id", None)) for base in found.bases}
        for tree in trees
        for found in ast.walk(tree)
        if isinstance(found, ast.ClassDef)
    }
    errors, before = {"ACEStepError"}, set()
    while errors != before:
        before, errors = errors, errors | {name for name, above in bases.items() if above & errors}
    return errors


def is_wording(value: ast.AST) -> bool:
    """Whether a text is written out there, also as a part of a longer one, and not as a value of a call."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Attribute) and is_wording(value.func.value)
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    return isinstance(value, ast.JoinedStr) or any(map(is_wording, ast.iter_child_nodes(value)))


def test_every_error_is_raised_with_a_code():
    trees = {path.relative_to(NODES).as_posix(): ast.parse(path.read_bytes()) for path in NODES.rglob("*.py")}
    errors = classes_of_errors(trees.values())
    assert len(errors) > 10
    found = [
        f"{path}:{call.lineno}"
        for path, tree in trees.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", None)) in errors
        if any(map(is_wording, (*call.args, *(named.value for named in call.keywords))))
    ]
    assert found == []


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
