"""Whatever comes from outside is used or refused in words of ours: no crash, no room without bounds.

The decoder, the journal, the plan of an edit, prices and answers have such tests in files of their own.
"""

import asyncio
import json
import struct
import types

import acestep_nodes.nodes.backends.local.files as model_files
import numpy as np
import pytest
import torch
from acestep_nodes.nodes.audio import codec
from acestep_nodes.nodes.audio.value import Sound, sounds_from_audio
from acestep_nodes.nodes.backends.local import lyric_language
from acestep_nodes.nodes.backends.runcomfy import answers
from acestep_nodes.nodes.errors import ACEStepError, InputError
from acestep_nodes.nodes.request import time_ranges
from acestep_nodes.nodes.request.requests import generate_request, inpaint_request, outpaint_request
from acestep_nodes.nodes.routes import local, peaks_answers, plan_answers
from acestep_nodes.nodes.routes.same_origin import BadInput
from acestep_nodes.nodes.words import lyrics, tags
from hypothesis import given, settings
from hypothesis import strategies as st
from runner import deployment_files

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([10**400, -0.0, 2**63])
JSON = st.recursive(
    NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
LINES = st.lists(st.text(max_size=30) | st.sampled_from(["[Verse]", "［inst］", "[00:12.34]", "## x", "(intro)", "["]))


# ---------------------------------------------------------------- model files

TENSOR_NAMES = st.sampled_from(
    [
        "decoder.layers.0.self_attn_norm.weight",
        "encoder.timbre_encoder.x",
        "model.embed_tokens.weight",
        "model.norm.weight",
        "model.layers.0.post_attention_layernorm.weight",
        "text_encoders.qwen3_06b.x",
        "decoder.layers.1.layers.0.beta",
        "decoder.layers.2.layers.1.weight_v",
        "genre_embedder.weight",
        "__metadata__",
    ]
)
SHAPES = st.lists(st.integers(-2, 300_000), max_size=4)
TENSORS = st.fixed_dictionaries({"shape": SHAPES | JSON, "data_offsets": st.just([0, 0]) | JSON}) | JSON


@given(st.dictionaries(TENSOR_NAMES | st.text(max_size=10), TENSORS, max_size=8))
def test_any_header_is_read_or_no_model(tmp_path_factory, header):
    path = tmp_path_factory.getbasetemp() / "header.safetensors"
    data = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data)
    try:
        found = model_files.read_header(str(path))
    except ValueError:
        return
    assert all(isinstance(size, int) for shape in found.values() for size in shape)
    assert len(model_files.parts_of(found)) <= 4


@pytest.mark.parametrize(
    "data", [b"[" * 200_000, b'{"a":' * 100_000, b"{", b"\xff\xfe", b"1" * 5000, b"[" * 9 + b"]" * 9]
)
def test_what_is_no_header_is_no_model(tmp_path, data):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(struct.pack("<Q", len(data)) + data)
    with pytest.raises(ValueError):
        model_files.read_header(str(path))


# ---------------------------------------------------------------- what a node is given

SHARED = {"node": "ACEStepGenerate", "lyrics": "", "version": "auto", "backend": "sketch", "batch_size": 1, "seed": 0}
ANYTHING = JSON | st.binary(max_size=8) | st.sampled_from([object(), np.float32(3), np.zeros((2, 2)), torch.zeros(2)])
FIELDS = {
    generate_request: ["tags", "lyrics", "seed", "duration", "version", "backend", "batch_size", "steps", "guidance"],
    inpaint_request: ["tags", "strength", "context_seconds", "crossfade_ms", "match_loudness", "loop", "keep"],
    outpaint_request: ["tags", "extend_before_duration", "extend_after_duration", "resume_request_id", "max_cost_usd"],
}


@given(st.data())
def test_any_value_of_any_input_is_taken_or_refused_by_its_name(data):
    make = data.draw(st.sampled_from(list(FIELDS)))
    field = data.draw(st.sampled_from(FIELDS[make]))
    given_to_it = SHARED | {"tags": "pop"}
    if make is generate_request:
        given_to_it["duration"] = 30
    if make is outpaint_request:
        given_to_it |= {"extend_before_duration": 0, "extend_after_duration": 5}
    try:
        make(**given_to_it | {field: data.draw(ANYTHING)})
    except InputError as error:
        assert str(error).startswith("ACEStepGenerate: ") and len(str(error)) < 1000
        assert field in str(error)


@given(ANYTHING | st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING), max_size=3).map(tuple))
def test_any_time_range_is_taken_or_refused(value):
    try:
        found = time_ranges.checked("ACEStepInpaint: time_range", value)
        time_ranges.in_samples("ACEStepInpaint", found, 441_000, 44_100)
    except InputError as error:
        assert len(str(error)) < 1000


@given(
    ANYTHING
    | st.fixed_dictionaries(
        {
            "waveform": st.sampled_from(
                [torch.zeros(1, 2, 9), torch.zeros(2, 9), torch.zeros(1, 0, 9), torch.full((1, 1, 2), torch.nan), None]
            ),
            "sample_rate": NUMBERS | st.text(max_size=3) | st.sampled_from([44_100, 44_100.0, np.int64(44_100)]),
        }
    )
)
def test_any_audio_is_sound_or_refused(value):
    try:
        sounds = sounds_from_audio(value, "ACEStepInpaint")
    except InputError as error:
        assert str(error).startswith("ACEStepInpaint: audio ")
        return
    assert all(isinstance(sound, Sound) and sound.sample_rate > 0 for sound in sounds)


@given(LINES.map("\n".join))
def test_any_lyrics_are_read(text):
    sections = lyrics.sections(text)
    assert sections == lyrics.sections(text)
    assert len(lyrics.without_markdown(lyrics.without_times(text))) <= len(text)
    assert isinstance(lyrics.has_words(text), bool) and isinstance(lyrics.is_instrumental_marker(text), bool)
    assert len(lyric_language.v1_lyrics(text, "auto").split("\n")) >= 1
    assert lyric_language.of(text, "pop")


@given(st.text(max_size=200) | LINES.map(",".join))
def test_any_tags_are_read(text):
    found = tags.split_tags(text)
    assert all(tag.strip() for tag in found)
    assert tags.split_tags(tags.join_tags(found)) == tags.split_tags(", ".join(dict.fromkeys(found)))
    assert tags.without_data(text) is not None and isinstance(tags.contradictions(text), tuple)


# ---------------------------------------------------------------- the page, and anybody else who asks

QUESTION_NAMES = st.sampled_from(
    "task seconds before after context_seconds loop ranges filename subfolder type version variant node".split()
)
QUESTIONS = st.dictionaries(QUESTION_NAMES | st.text(max_size=8), JSON | st.text(max_size=300), max_size=6)


@given(QUESTIONS)
def test_any_question_about_a_plan_is_answered_or_bad(question):
    try:
        assert all(seconds >= 0 for seconds in plan_answers.call_seconds(question))
    except InputError as error:  # which the route makes HTTP 400
        assert len(str(error)) < 1000


@given(QUESTIONS)
def test_any_question_about_a_file_is_answered_or_bad(tmp_path_factory, question):
    folder = tmp_path_factory.getbasetemp()
    with pytest.raises(BadInput) as caught:
        asyncio.run(
            peaks_answers.outline(
                peaks_answers.OutlinesOfFiles(), {"input": lambda: str(folder / "nothing here")}, question
            )
        )
    assert 400 <= caught.value.status < 500


@given(QUESTIONS)
def test_any_question_about_models_is_answered_or_bad(empty_model_folders, question):
    try:
        assert isinstance(local.look(question), dict)
    except BadInput as error:
        assert 400 <= error.status < 500


@pytest.fixture(scope="module")
def empty_model_folders(comfy_path, tmp_path_factory):
    import folder_paths

    folder = str(tmp_path_factory.mktemp("models"))
    before = dict(folder_paths.folder_names_and_paths)
    for name in model_files.FOLDERS:
        folder_paths.folder_names_and_paths[name] = ([folder], {".safetensors"})
    yield folder
    folder_paths.folder_names_and_paths.update(before)


# ---------------------------------------------------------------- files and answers of a service


@pytest.fixture(scope="module")
def real_files():
    """A second of sound in each format that can be written here."""
    import io

    import av

    files = [codec.encode_flac(Sound(torch.sin(torch.arange(44_100) / 20).repeat(2, 1) * 0.5, 44_100))]
    for form, name in (("mp3", "libmp3lame"), ("ogg", "libopus"), ("mp4", "aac"), ("wav", "pcm_s16le")):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=form) as container:
            stream = container.add_stream(name, rate=48_000, layout="stereo")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 96_000), np.int16), "s16", "stereo")
            frame.sample_rate, frame.pts = 48_000, 0
            fitting = av.AudioResampler(stream.codec_context.format, "stereo", 48_000, stream.codec_context.frame_size)
            pieces = [piece for each in (frame, None) for piece in fitting.resample(each)]
            for packet in [packet for piece in (*pieces, None) for packet in stream.encode(piece)]:
                container.mux(packet)
        files.append(buffer.getvalue())
    return files


@settings(max_examples=120)
@given(st.data())
def test_a_damaged_file_is_sound_or_refused(real_files, data):
    whole = bytearray(data.draw(st.sampled_from(real_files)))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12)):
        whole[at % len(whole)] = value
    cut = data.draw(st.integers(0, len(whole)))
    limits = codec.DecodeLimits(max_seconds=5.0, max_values=500_000)
    for damaged in (bytes(whole), bytes(whole[:cut])):
        try:
            sound = codec.decode(damaged, limits)
        except codec.Undecodable:
            continue
        assert sound.seconds <= 5.0 and bool(torch.isfinite(sound.waveform).all())


@given(JSON | st.fixed_dictionaries({"outputs": st.dictionaries(st.text(max_size=8), JSON, max_size=4)}))
def test_any_result_of_a_deployment_names_files_that_are_safe_or_none(result):
    client = types.SimpleNamespace(said=lambda text: answers.said(text, "the-token"))
    try:
        named = list(deployment_files._named(client, result if isinstance(result, dict) else {}, "one-id"))
    except ACEStepError:
        return
    for each in named:
        assert not set(each.node) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
        assert "/" not in each.suffix and len(each.label) < 300
