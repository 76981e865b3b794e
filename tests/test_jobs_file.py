"""Files of jobs: what a line becomes, and the one sentence that says what is wrong with it and where."""

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some
from runner.errors import Refused
from runner.graph import Setting
from runner.jobs.file import MAX_JOBS, MAX_NAME_BYTES, parse, parse_seeds, read, safe_name


def jobs(*lines, file="jobs.jsonl", seeds=()):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return parse(text.encode("utf-8", "surrogatepass"), file, "text_to_music", seeds)


def names(*lines, **options):
    return [job.name for job in jobs(*lines, **options)]


def refusal(*lines, **options):
    with pytest.raises(Refused) as refused:
        jobs(*lines, **options)
    said = str(refused.value)
    assert said.isprintable() and len(said) < 400
    return said


def test_a_line_is_a_job_with_its_settings():
    [job] = jobs({"name": "calm", "ACEStepGenerate.tags": "piano", "ACEStepGenerate.duration": 20, "1.loop": True})
    assert (job.name, job.line, job.seed) == ("calm", 1, None)
    assert job.settings == (
        Setting("ACEStepGenerate", "tags", "piano"),
        Setting("ACEStepGenerate", "duration", 20),
        Setting("1", "loop", True),
    )


def test_a_title_with_dots_is_a_node_too():
    [job] = jobs({"Vocal 1.5.seed": 3})
    assert job.settings == (Setting("Vocal 1.5", "seed", 3),)


def test_blank_lines_count_as_lines_and_a_job_without_a_name_is_called_after_its_line():
    assert names('{"1.seed": 1}', "", '{"1.seed": 2}') == ["text_to_music-0001", "text_to_music-0003"]


def test_a_variable_is_its_value_and_a_list_makes_a_job_of_each():
    found = jobs({"name": "bed", "1.tags": "{genre}, {{soft}} {mood}", "genre": ["jazz", "funk"], "mood": "sad"})
    assert [job.name for job in found] == ["bed-jazz", "bed-funk"]
    assert [job.settings[0].value for job in found] == ["jazz, {soft} sad", "funk, {soft} sad"]


def test_seeds_make_a_job_of_each_and_names_sort():
    found = jobs({"name": "a", "1.tags": "x"}, seeds=parse_seeds("8-10"))
    assert [(job.name, job.seed) for job in found] == [("a-08", 8), ("a-09", 9), ("a-10", 10)]
    assert names({"name": "take {seed} of it"}, seeds=(3,)) == ["take 3 of it"]


def test_csv_reads_as_json_does():
    text = 'name,1.tags,1.duration,genre\r\nbed,"{genre}, soft\npiano",20,jazz|funk\r\n\r\nlast,,,\r\n'
    found = jobs(text, file="jobs.csv")
    assert [(job.name, job.line) for job in found] == [("bed-jazz", 2), ("bed-funk", 2), ("last", 5)]
    assert found[1].settings == (Setting("1", "tags", "funk, soft\npiano"), Setting("1", "duration", 20))
    assert found[2].settings == ()
    [job] = jobs('name,1.loop,1.tags,2.tags\na,TRUE,"""1984""",[x]\n', file="jobs.csv")
    assert [setting.value for setting in job.settings] == [True, "1984", "[x]"]
    assert names("name;1.tags\nx;a, b\n", file="jobs.csv") == ["x"]


@pytest.mark.parametrize(
    "line, words",
    [
        ("{", ["not JSON", "column"]),
        ("[" * 100_000, ["not JSON"]),
        ("[]", ["no object"]),
        ('{"1.seed": 1, "1.seed": 2}', ["“1.seed” twice"]),
        ('{"1.seed": NaN}', ["not JSON"]),
        ('{"1.seed": 1e999}', ["1.seed", "Infinity", "a number"]),
        ({"1.seed": None}, ["1.seed", "null", "a number"]),
        ({"1.seed": {"a": 1}}, ["1.seed"]),
        ({"1.seed": [1, 2]}, ["1.seed", "[1, 2]"]),
        ({".seed": 1}, [".seed", "NODE.INPUT"]),
        ({"name": 1.5}, ["name", "a text"]),
        ({"name": "..."}, ["name", "“...”", "letters or digits"]),
        ({"1.tags": "{gnre}", "name": "x"}, ["1.tags", "{gnre}", "none", "{{gnre}}"]),
        ({"seed": 3}, ["seed", "NODE.seed"]),
        ({"my var": 3}, ["my var", "variable"]),
        ({"1.tags": "{a}", "a": []}, ["a is “[]”"]),
        ({"1.tags": "{a}", "a": ["x", "x"]}, ["that differ"]),
        ('{"1.tags": "\\ud83d"}', ["half of a character"]),
        ({"1.tags": "{a}{b}", "a": list(range(200)), "b": list(range(200))}, ["40000 jobs", str(MAX_JOBS)]),
    ],
)
def test_what_is_wrong_with_a_line_names_the_file_the_line_and_what_to_do(line, words):
    said = refusal({"name": "good"}, line)
    assert said.startswith("jobs.jsonl, line 2: ") and all(word in said for word in words), said


@pytest.mark.parametrize(
    "text, words",
    [
        ("name,1.tags\na,b,c", ["line 2", "3 cells", "2 keys"]),
        ("name,name\n", ["line 1", "twice"]),
        ("name,\n", ["line 1", "no key"]),
        ('name,1.tags\na,"b', ["line 2", "quotes"]),
        ("name,my key\na,b", ["line 2", "my key"]),
        ("name,1.tags\n", ["no job"]),
        ("", ["no job"]),
    ],
)
def test_what_is_wrong_with_a_table(text, words):
    said = refusal(text, file="jobs.csv")
    assert all(word in said for word in words), said


def test_the_same_name_twice_names_both_lines():
    said = refusal({"name": "Straße"}, {"name": "b"}, {"name": "STRASSE"})
    assert said.startswith("jobs.jsonl, line 3: ") and "line 1" in said and "STRASSE" in said
    assert "line 1" in refusal({"name": "a/b"}, {"name": "a\\b"})
    assert "same line" in refusal({"name": "{a}", "a": ["x/", "x:"]})


def test_a_seed_may_be_set_once():
    assert "--seeds" in refusal({"ACEStepGenerate.seed": 1}, seeds=(1, 2))
    assert "--seeds" in refusal({"1.tags": "{seed}", "seed": 1}, seeds=(1, 2))


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1-", "1,,2", "0-2147483648", "1-99999", "5,1-9", "1.5", "１"])
def test_seeds_that_are_none(text):
    with pytest.raises(Refused, match="--seeds"):
        parse_seeds(text)


def test_seeds():
    assert parse_seeds("1-3, 7,2147483647") == (1, 2, 3, 7, 2147483647)


def test_a_file_that_is_none(tmp_path):
    for path in (tmp_path / "missing.jsonl", tmp_path / "jobs.txt", tmp_path):
        with pytest.raises(Refused, match="--jobs"):
            read(path, "text_to_music")
    (tmp_path / "latin.jsonl").write_bytes(b'{"name": "a"}\n{"name": "\xe9"}')
    with pytest.raises(Refused, match=r"latin\.jsonl, line 2: .*UTF-8"):
        read(tmp_path / "latin.jsonl", "text_to_music")
    (tmp_path / "bom.jsonl").write_bytes(b'\xef\xbb\xbf{"name": "a"}')
    assert [job.name for job in read(tmp_path / "bom.jsonl", "x")] == ["a"]


# Properties

TRICKS = ["../../etc/passwd", "CON", "con.txt", "NUL ", "a\x00b", "~root", ".hidden", "x" * 300, "é" * 300, "\u202egpj"]


@given(some.text() | some.sampled_from(TRICKS))
def test_a_safe_name_is_one_on_any_file_system(text):
    name = safe_name(text)
    assert name == safe_name(name) == unicodedata.normalize("NFC", name)
    assert not set(name) & set('/\\:*?"<>|~') and all(ord(c) >= 32 for c in name)
    assert len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES + 1
    assert name == name.strip(" .") and name.split(".")[0].strip().lower() not in ("con", "nul", "prn", "aux")


@given(some.binary(max_size=300), some.sampled_from(["a.jsonl", "a.csv"]))
def test_any_bytes_are_jobs_or_one_sentence(data, file):
    try:
        found = parse(data, file, "w")
    except Refused as refused:
        assert file in str(refused) and str(refused).isprintable()
    else:
        assert found and len({job.name.casefold() for job in found}) == len(found)


SCALARS = some.text(max_size=8) | some.integers() | some.floats() | some.booleans() | some.none()
KEYS = some.sampled_from(["name", "1.tags", "Title.a.b", "genre", "seed", "", ".", "a."]) | some.text(max_size=5)


@given(some.lists(some.dictionaries(KEYS, SCALARS | some.lists(SCALARS, max_size=3), max_size=4), max_size=4))
def test_any_objects_are_jobs_or_one_sentence(lines):
    try:
        found = jobs(*lines)
    except Refused as refused:
        assert "jobs.jsonl" in str(refused) and str(refused).isprintable()
    else:
        assert all(job.name and job.name == safe_name(job.name) for job in found)


WORDS = some.text(some.characters(codec="utf-8", exclude_characters="{}\r\n\x00"), min_size=1).filter(str.strip)


@given(some.lists(WORDS, min_size=1, max_size=5))
def test_a_text_comes_through_a_table_and_an_object_unchanged(texts):
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(["name", "1.tags"])
    rows.writerows([f"job {n}", f"text: {text}"] for n, text in enumerate(texts))
    of_table = jobs(table.getvalue(), file="jobs.csv")
    of_objects = jobs(*({"name": f"job {n}", "1.tags": f"text: {text}"} for n, text in enumerate(texts)))
    assert [job.settings for job in of_table] == [job.settings for job in of_objects]
    assert [job.settings[0].value for job in of_objects] == [f"text: {text}" for text in texts]
