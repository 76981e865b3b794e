"""What a song can be made from besides its text: a plan or none, another sound, another seed's noise; and edits with
looser surroundings."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pinned
import pytest
import torch
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request.progress import Progress
from local_models import songs
from local_models.session import Parts, calls_of, generate, inpaint, sound, steps_for

pytest_plugins = ["local_fixtures"]

TOLERANCE = 2e-5


@pytest.mark.slow
def test_songs_and_surroundings_follow_the_formulas_in_the_oldest():
    command = [sys.executable, songs.__file__, str(pinned.tree("0.26.0")), "5"]
    # The models are so small that threads would mostly wait for each other.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert run.returncode == 0, run.stderr[-4000:]
    _assert_small(json.loads(run.stdout))


@pytest.mark.slow
def test_songs_and_surroundings_follow_the_formulas_in_the_newest(comfy_path):
    with torch.no_grad():
        _assert_small(songs.differences(11))


def _assert_small(found: dict[str, float]) -> None:
    assert len(found) == 21
    too_far = {name: far for name, far in found.items() if not far < TOLERANCE}
    assert not too_far


def as_audio(one):
    return {"waveform": one.waveform[None], "sample_rate": one.sample_rate}


def timbres(v15, **changes):
    """The reference that the network's encoder was shown at each of its runs, [1, T, 64]."""
    with calls_of(v15.network.encoder, "forward") as conditions:
        made, warnings = generate(v15, duration=5, steps=2, **changes)
    return [args[4] for args in conditions], made, warnings


@pytest.mark.parametrize("planning", ["auto", "off"])
@pytest.mark.parametrize("seconds", [11.0, 34.0])
def test_a_timbre_is_read_from_the_first_30_s_and_a_short_sound_is_repeated(v15, planning, seconds):
    from acestep_nodes.nodes.backends.local import vae_chunks
    from acestep_nodes.nodes.backends.local.family import V15

    reference = sound(seconds, 48_000)
    (shown,), made, _ = timbres(v15, planning=planning, reference=reference)
    with torch.inference_mode():
        heard = reference.waveform.repeat(1, 3)[:, : 30 * 48_000]
        expected = vae_chunks.encode(v15.vae, V15, heard, 0, Progress())
    assert torch.equal(shown, expected.movedim(1, 2))
    plain, _ = generate(v15, duration=5, steps=2, planning=planning)
    assert made.samples == plain.samples and not torch.equal(made.waveform, plain.waveform)


def test_a_reference_of_any_rate_and_channels_is_heard_and_does_not_become_a_cover(v15):
    from comfy.text_encoders import ace15

    with calls_of(ace15, "generate_audio_codes") as codes:
        (shown,), _, warnings = timbres(v15, reference=sound(3.0, 22_050, 1), reference_use="timbre")
    assert shown.shape == (1, 750, 64) and len(codes) == 1
    assert not any("reference" in text for text in warnings)


def test_a_cover_is_made_without_planning_and_hears_the_music_as_far_as_it_goes(v15):
    from comfy.text_encoders import ace15

    options = {"duration": 5, "steps": 4, "reference_use": "cover", "planning": "on"}
    long, short = sound(9.0, 48_000), sound(3.0, 48_000)
    with calls_of(ace15, "generate_audio_codes") as codes, calls_of(v15.network.encoder, "forward") as conditions:
        made, warnings = generate(v15, reference=long, **options)
    assert codes == [] and made.seconds == 5
    assert [text for text in warnings if "cover" in text] == [
        "A cover is made without planning, so planning on is ignored."
    ]
    assert all(args[4].shape[1] == 750 for args in conditions)
    # What lies behind the end is not heard, what lies before it is.
    cut, _ = generate(v15, reference=long.cut(0, 6 * 48_000), **options)
    torch.testing.assert_close(cut.waveform, made.waveform, atol=1e-5, rtol=0)
    other, warnings = generate(v15, reference=short, **options)
    assert not torch.allclose(other.waveform, made.waveform, atol=1e-3)
    assert "The reference is 3.0 s long; of the 5 s asked for the rest is made without it." in warnings


def test_a_cover_of_no_strength_is_the_song_without_it(v15):
    options = {"duration": 6, "steps": 4}
    plain, _ = generate(v15, planning="off", **options)
    cover = {"reference": sound(6.0, 48_000), "reference_use": "cover"}
    made, _ = generate(v15, reference_strength=0.0, **cover, **options)
    assert torch.equal(made.waveform, plain.waveform)
    half, _ = generate(v15, reference_strength=0.5, **cover, **options)
    full, _ = generate(v15, reference_strength=1.0, **cover, **options)
    assert not torch.equal(half.waveform, plain.waveform) and not torch.equal(half.waveform, full.waveform)


def test_each_task_is_named_in_the_text(v15):
    def instructions(**changes):
        with calls_of(v15.clip.tokenizer.qwen3_06b, "tokenize_with_weights") as texts:
            generate(v15, duration=5, steps=1, **changes)
        return texts[-1][0].split("\n")[1]

    assert instructions(planning="off") == "Fill the audio semantic mask based on the given conditions:"
    cover = {"reference": sound(5.0), "reference_use": "cover"}
    with calls_of(v15.clip.tokenizer.qwen3_06b, "tokenize_with_weights") as texts:
        generate(v15, duration=5, steps=1, **cover)
    named = [args[0].split("\n")[1] for args in texts if args[0].startswith("# Instruction")]
    assert "Generate audio semantic tokens based on the given conditions:" in named
    assert named[-1] == "Fill the audio semantic mask based on the given conditions:"  # for the steps without it


@pytest.mark.parametrize(
    ("tags", "bpm", "beats"),
    [
        ("lo-fi, mellow", 70, 4),  # the middle of 70 to 88, and slow of it
        ("techno, 3/4", 125, 3),
        ("drum and bass, no pop, 150 BPM", 150, 4),
        ("cello solo", 104, 4),
    ],
)
def test_a_plan_is_given_a_tempo_and_a_metre_and_a_song_without_one_is_not(v15, tags, bpm, beats):
    def data(**changes):
        with calls_of(v15.clip.tokenizer.qwen3_06b, "tokenize_with_weights") as texts:
            _, warnings = generate(v15, duration=5, steps=1, tags=tags, **changes)
        return [args[0] for args in texts], [text for text in warnings if "planned at" in text]

    texts, said = data()
    plan = next(text for text in texts if text.startswith("<|im_start|>") and "bpm" in text)
    assert f"<think>\nbpm: {bpm}\nduration: 5\ntimesignature: {beats}\n</think>" in plan
    assert f"- bpm: {bpm}\n- timesignature: {beats}\n" in next(text for text in texts if text.startswith("# Instr"))
    assert len(said) == 1 and f"planned at {bpm} BPM with {beats} beats a bar" in said[0]
    texts, said = data(planning="off")
    assert said == [] and ("- timesignature: N/A" in texts[-1]) == ("3/4" not in tags)


def test_an_unplanned_song_needs_no_language_model(v15):
    from comfy.text_encoders import ace15
    from local_models import tiny

    alone = tiny.v15_text_encoder_alone()
    with calls_of(ace15, "generate_audio_codes") as codes:
        made, _ = generate(Parts(v15.model, alone, v15.vae), duration=5, steps=2, planning="off")
        same, _ = generate(v15, duration=5, steps=2, planning="off")
    assert codes == [] and torch.equal(made.waveform, same.waveform)
    edited, _ = inpaint(Parts(v15.model, alone, v15.vae), sound(6.0), (2.0, 3.0), steps=2)
    assert edited.seconds == 6.0


def test_v1_and_silence_are_refused_before_anything_is_loaded(v15, v1):
    for parts, reference, said in (
        (v1, sound(3.0), "reference is connected, but ACE-Step v1 would run, which takes no other sound; install or"),
        (v15, replace(sound(3.0), waveform=torch.zeros(2, 48_000)), "reference is silent; connect one that sounds"),
    ):
        with calls_of(parts.clip, "tokenize") as read, pytest.raises(InputError, match=f"N: {said}"):
            generate(parts, reference=reference, variant="auto")
        assert read == []


def test_v1_says_what_it_takes_no_notice_of(v1):
    _, warnings = generate(v1, duration=5, steps=1, planning="off", variant="auto")
    assert "planning off is ignored: it is for ACE-Step 1.5, and version is ace-step." in warnings
    _, warnings = inpaint(v1, sound(5.0), (2.0, 3.0), steps=1, surroundings="free", variant="auto")
    assert "surroundings free is ignored: it is for ACE-Step 1.5, and version is ace-step." in warnings


def test_a_variation_turns_from_one_seeds_noise_to_anothers(parts):
    options = {"duration": 5, **steps_for(parts), "planning": "off", "variation_seed": 77}
    plain, none, small, large, full = (
        generate(parts, seed=5, variation=variation, **options)[0].waveform for variation in (0.0, 0.0, 0.1, 0.5, 1.0)
    )
    assert torch.equal(plain, none)
    assert torch.equal(full, generate(parts, **options | {"seed": 77, "variation_seed": 0})[0].waveform)
    assert 0 < (small - plain).square().mean() < (large - plain).square().mean()


def test_looser_surroundings_give_other_music_and_holding_ones_the_same(v15):
    window = sound(12.0, 48_000)
    plain, hold, balanced, free = (
        inpaint(v15, window, (5.0, 7.0), **({"surroundings": name} if name else {}))[0].waveform
        for name in (None, "hold", "balanced", "free")
    )
    assert torch.equal(plain, hold)
    inside = slice(round(5.2 * 48_000), round(6.8 * 48_000))
    for looser in (balanced, free):
        assert not torch.equal(looser[:, inside], hold[:, inside])
    # Where the blend is over the source is back, as the VAE gives it; unless all around was let go.
    away = slice(round(2.0 * 48_000), round(4.0 * 48_000))
    torch.testing.assert_close(balanced[:, away], hold[:, away], atol=1e-5, rtol=0)
    assert not torch.allclose(free[:, away], hold[:, away], atol=1e-3)


def test_a_reference_is_read_only_where_it_is_used(v15, v1):
    from acestep_nodes.nodes.generate import ACEStepGenerate

    def wanted(**changes):
        given = {"tags": "pop", "lyrics": "", "seed": 1, "version": "auto", "backend": "auto", "batch_size": 1}
        return ACEStepGenerate.sockets_to_read(**{"duration": 5} | given | changes)

    # Last of all, when the connected parts are there and nothing else stops the run.
    assert wanted(reference=None, model=None, vae=None) == ["model", "vae"]
    parts = {"model": v15.model, "clip": v15.clip, "vae": v15.vae}
    assert wanted(reference=None, **parts) == ["reference"]
    with pytest.raises(InputError, match="reference is connected, but ACE-Step v1 would run"):
        wanted(reference=None, model=v1.model, clip=v1.clip, vae=v1.vae)
    with pytest.raises(InputError, match="700"):
        wanted(reference=None, duration=700, **parts)
    assert wanted(reference=as_audio(sound(1.0))) == []
    assert wanted() == []
    for changed, said in (
        ({"backend": "runcomfy"}, "backend is runcomfy"),
        ({"version": "ace-step"}, "version is ace-"),
    ):
        with pytest.raises(InputError, match=said):
            wanted(reference=None, **changed)
    batch = {"waveform": torch.ones(2, 1, 48_000), "sample_rate": 48_000}
    with pytest.raises(InputError, match="reference is a batch of 2 sounds; it must be one"):
        wanted(reference=batch)
    with pytest.raises(InputError, match="reference is empty"):
        ACEStepGenerate.build_request(
            duration=5, tags="pop", lyrics="", seed=1, version="auto", backend="auto", batch_size=1, reference=None
        )
