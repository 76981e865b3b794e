"""The seventeen pitfalls of running ACE-Step for edits, one by one."""

import pytest
import torch
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request.progress import Progress
from local_models.session import Parts, calls_of, generate, inpaint, outpaint, replaced, sound

pytest_plugins = ["local_fixtures"]

WINDOW_SECONDS = 6.0


@pytest.fixture(autouse=True)
def _as_in_comfyui():
    with torch.inference_mode():
        yield


def encode(parts, family, waveform):
    from acestep_nodes.nodes.backends.local import vae_chunks

    return vae_chunks.encode(parts.vae, family, waveform, 0, Progress())


def no_posterior_noise():
    """1.5's encoder without the part that is drawn, to compare what is not."""
    return replaced(torch, "randn_like", lambda _: torch.zeros_like)


def test_pitfall_01_a_partial_frame_is_filled_up_and_not_cut_from_both_ends(v15, v1):
    from acestep_nodes.nodes.backends.local.family import V1, V15

    for parts, family in ((v15, V15), (v1, V1)):
        whole = sound(3.0, family.sample_rate).waveform[:, : 20 * family.hop]
        partial = whole[:, : -family.hop // 2 - 1]
        filled = torch.nn.functional.pad(partial, (0, whole.shape[1] - partial.shape[1]))
        with no_posterior_noise():
            latents = encode(parts, family, partial)
            assert latents.shape[-1] == 20
            assert torch.equal(latents, encode(parts, family, filled))
            # ComfyUI's own encode loses a frame and moves the rest.
            cut = parts.vae.encode(partial.movedim(0, 1).unsqueeze(0))
            assert cut.shape[-1] == 19
            assert not torch.allclose(cut[..., :19], latents[..., :19], atol=1e-3)


def test_pitfall_02_the_encoders_drawing_is_seeded_and_nobody_elses(v15):
    from acestep_nodes.nodes.backends.local.family import V15

    waveform = sound(1.0, 48_000).waveform
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = encode(v15, V15, waveform)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(encode(v15, V15, waveform), first)
    raw = [v15.vae.encode(waveform.movedim(0, 1).unsqueeze(0)) for _ in range(2)]
    assert not torch.equal(*raw)  # what would happen without


def test_pitfall_03_pieces_give_exactly_what_one_piece_gives(v15):
    from acestep_nodes.nodes.backends.local import vae_chunks
    from acestep_nodes.nodes.backends.local.family import V15

    waveform = sound(21.1, 48_000).waveform
    with no_posterior_noise(), calls_of(v15.vae, "encode") as encoded:
        pieces = encode(v15, V15, waveform)
        filled = torch.nn.functional.pad(waveform, (0, -waveform.shape[1] % 1920))
        at_once = v15.vae.encode(filled.movedim(0, 1).unsqueeze(0))
    assert len(encoded) == 4  # three pieces, and the one
    torch.testing.assert_close(pieces, at_once, atol=1e-5, rtol=0)
    # No piece is longer than what ComfyUI's fallback leaves whole, so it can never cut one out of step.
    assert all(args[0].shape[1] <= 256 * 2048 for args in encoded[:-1])

    latents = torch.randn(1, 64, 500, generator=torch.Generator().manual_seed(4))
    whole = v15.vae.decode(latents).movedim(-1, 1)[0]
    with replaced(vae_chunks, "_free_beside", lambda _: lambda _vae: 0.0), calls_of(v15.vae, "decode") as decoded:
        made = vae_chunks.decode(v15.vae, V15, latents, 0, 500, Progress())
    assert len(decoded) == 3
    torch.testing.assert_close(made, whole, atol=1e-5, rtol=0)


def test_pitfall_03_running_out_of_memory_in_comfyuis_encode_shifts_nothing(v15):
    from acestep_nodes.nodes.backends.local.family import V15

    waveform = sound(24.0, 48_000).waveform
    full = [1]

    def once_full(original):
        def encode_samples(samples):
            if full:
                full.pop()
                raise torch.OutOfMemoryError("made up by a test")
            return original(samples)

        return encode_samples

    with no_posterior_noise():
        expected = encode(v15, V15, waveform)
        with replaced(v15.vae.first_stage_model, "encode", once_full):
            made = encode(v15, V15, waveform)
    assert not full
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=0)


def test_pitfall_04_only_the_range_and_its_surroundings_are_decoded(v15, v1):
    for parts, rate, reach in ((v15, 48_000 / 1920, 16), (v1, 44_100 / 4096, 64)):
        with calls_of(parts.vae, "decode") as decoded:
            inpaint(parts, sound(32.0), (14.0, 15.0), steps=1, strength=1.0, guidance=1.0)
        (latents,) = decoded[0]
        assert len(decoded) == 1
        assert latents.shape[-1] <= (1 + 2 * 4.0) * rate + 2 * reach + 3 < 32 * rate


def test_pitfall_04_a_part_decodes_as_it_does_within_the_whole(v15):
    from acestep_nodes.nodes.backends.local import vae_chunks
    from acestep_nodes.nodes.backends.local.family import V15

    latents = torch.randn(1, 64, 200, generator=torch.Generator().manual_seed(4))
    whole = v15.vae.decode(latents).movedim(-1, 1)[0]
    for start, stop in ((0, 40), (77, 78), (90, 131), (180, 200)):
        part = vae_chunks.decode(v15.vae, V15, latents, start, stop, Progress())
        torch.testing.assert_close(part, whole[:, start * 1920 : stop * 1920], atol=1e-5, rtol=0)


def test_pitfall_05_the_end_of_the_source_is_not_encoded_as_the_end_of_a_file(v15):
    from acestep_nodes.nodes.backends.local.family import V15

    window = sound(WINDOW_SECONDS, 48_000)
    pipeline = "acestep_nodes.nodes.backends.local.v15"
    import importlib

    with calls_of(importlib.import_module(pipeline), "edit_noise"), calls_of(v15.vae, "encode") as encoded:
        outpaint(v15, window, 0.0, 1.0)
    heard = torch.cat([args[0][0].T for args in encoded], dim=1)
    frames = window.samples // V15.hop
    mirrored = window.waveform.flip(1)[:, 1 : 1 + 16 * V15.hop]
    assert torch.equal(heard[:, : window.samples], window.waveform)
    assert torch.equal(heard[:, window.samples :], mirrored)
    with no_posterior_noise():
        plain = encode(v15, V15, window.waveform)
        going_on = encode(v15, V15, torch.cat([window.waveform, mirrored], 1))[..., :frames]
    torch.testing.assert_close(plain[..., : frames - 8], going_on[..., : frames - 8], atol=1e-5, rtol=0)
    assert not torch.allclose(plain[..., -1], going_on[..., -1], atol=1e-3)


def test_pitfall_06_sound_leaves_as_float32_on_the_cpu(v15):
    def in_half(original):
        return lambda latents: original(latents).half()

    with replaced(v15.vae, "decode", in_half):
        made, _ = inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0))
    assert made.waveform.dtype == torch.float32 and made.waveform.device.type == "cpu"


def test_pitfall_07_edits_do_not_run_the_language_model_and_text_comes_first(v15):
    from comfy.text_encoders import ace15

    order = []

    def noting(name):
        def make(original):
            def call(*args, **kwargs):
                order.append(name)
                return original(*args, **kwargs)

            return call

        return make

    with (
        calls_of(ace15, "generate_audio_codes") as codes,
        replaced(v15.clip, "encode_from_tokens_scheduled", noting("text")),
        replaced(v15.vae, "encode", noting("encode")),
        replaced(v15.network, "forward", noting("network")),
        replaced(v15.vae, "decode", noting("decode")),
    ):
        inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0))
        assert codes == []
        assert order == ["text", "encode"] + ["network"] * 8 + ["decode"]
        order.clear()
        outpaint(v15, sound(WINDOW_SECONDS), 0.0, 1.0)
        assert codes == []
        assert order == ["text", "encode"] + ["network"] * 8 + ["decode"]
        generate(v15, duration=5)
        assert len(codes) == 1


def test_pitfall_08_v1_is_told_the_language_line_by_line_and_unreadable_lyrics_are_said(v1):
    def tokens_of(lyrics, **changes):
        with calls_of(v1.clip, "encode_from_tokens_scheduled") as encoded:
            _, warnings = generate(v1, duration=5, steps=1, guidance=1.0, lyrics=lyrics, variant="auto", **changes)
        return [token[0] for token in encoded[0][0]["lyrics"][0]], warnings

    french, _ = tokens_of("[Verse]\nbonjour", language="fr")
    assert 262 in french and 6683 in french  # [fr], and [verse] itself
    russian, warnings = tokens_of("привет мир")
    assert 267 in russian and 1 not in russian
    assert not any("cannot read" in warning for warning in warnings)
    _, warnings = tokens_of("안녕하세요 세상")
    assert any("cannot read 7 of " in warning and "ace-step-1.5" in warning for warning in warnings)
    _, warnings = tokens_of("สวัสดี", language="th")
    assert any("does not sing th" in warning for warning in warnings)


def test_pitfall_09_any_of_the_51_languages_reaches_1_5_and_instrumentals_are_marked(v15):
    class Enough(Exception):
        pass

    def seen(_original):
        def encode_from_tokens_scheduled(_tokens):
            raise Enough

        return encode_from_tokens_scheduled

    def lyrics_text(**changes):
        with (
            calls_of(v15.clip.tokenizer.qwen3_06b, "tokenize_with_weights") as texts,
            replaced(v15.clip, "encode_from_tokens_scheduled", seen),
            pytest.raises(Enough),
        ):
            inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), **changes)
        return next(args[0] for args in texts if args[0].startswith("# Languages"))

    assert lyrics_text(language="sw").startswith("# Languages\nsw\n\n# Lyric\n[Verse]\nla la la")
    assert lyrics_text(lyrics="[Verse]\nこんにちは").startswith("# Languages\nja\n")
    assert lyrics_text().startswith("# Languages\nen\n")
    assert lyrics_text(tags="lo-fi, french female vocal").startswith("# Languages\nfr\n")
    timed = lyrics_text(lyrics="[00:12.00]one\n[00:14.50]**two**")
    assert timed.startswith("# Languages\nen\n\n# Lyric\none\ntwo<|endoftext|>")
    assert lyrics_text(lyrics="［inst］").startswith("# Languages\nunknown\n\n# Lyric\n[Instrumental]")
    assert lyrics_text(lyrics="[inst]").startswith("# Languages\nunknown\n\n# Lyric\n[Instrumental]")
    assert lyrics_text(lyrics="").startswith("# Languages\nunknown\n\n# Lyric\n[Instrumental]")
    assert lyrics_text(lyrics="[Intro]\n[Drop]").startswith("# Languages\nunknown\n\n# Lyric\n[Intro]\n[Drop]")


def test_pitfall_09_what_was_taken_off_the_lyrics_is_said(v1):
    timed, written = "[00:12.00]one\n[00:14.50]two", "## Verse\n*one*\n**two**"
    for lyrics, said in ((timed, "The times of an LRC file"), (written, "Markdown"), ("one\r\n (two)", None)):
        _, warnings = generate(v1, duration=5, steps=1, guidance=1.0, lyrics=lyrics, variant="auto")
        assert [text.split(" in the lyrics would")[0] for text in warnings if "taken off" in text] == [said] * bool(
            said
        )


def test_pitfall_09_longer_texts_than_the_models_were_shown_are_said(v15, v1):
    many = ", ".join(f"piano {number}" for number in range(140))
    options = {"duration": 5, "steps": 1}
    for parts, more in ((v15, {}), (v1, {"guidance": 1.0, "variant": "auto"})):
        _, warnings = generate(parts, tags=many, **options, **more)
        assert any("The tags make a text of" in text and "trained on 256 at most" in text for text in warnings)
    _, warnings = inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), lyrics="la li lu\n" * 600, steps=1)
    assert any("The lyrics make a text of" in text and "trained on 2048 at most" in text for text in warnings)
    _, warnings = generate(v15, **options)
    assert not any("trained on" in text for text in warnings)


def test_pitfall_10_a_songs_timbre_is_30_s_of_silence_however_long_it_is(v15):
    with calls_of(v15.network.encoder, "forward") as conditions:
        generate(v15, duration=5)
        generate(v15, duration=40)
    assert [args[4].shape[1] for args in conditions] == [750, 750]
    assert torch.equal(conditions[0][4], conditions[1][4])


def test_pitfall_10_takes_are_made_one_by_one_and_each_gets_its_timbre(v15):
    with calls_of(v15.network, "forward") as called, calls_of(v15.network.encoder, "forward") as conditions:
        inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0))
    assert {args[0].shape[0] for args in called} == {1}
    (args,) = conditions
    assert args[4].shape[1] == 750 and args[5].tolist() == [0]


def test_pitfall_11_noise_is_drawn_on_the_cpu_and_does_not_move_with_the_window(v15):
    from acestep_nodes.nodes.backends.local import v15 as pipeline

    drawn = []

    def keep(original):
        def sample(model, *args, **kwargs):
            drawn.append(kwargs["noise"])
            return original(model, *args, **kwargs)

        return sample

    window = sound(14.0, 48_000)
    with replaced(pipeline, "sample", keep):
        inpaint(v15, window, (5.0, 7.0), steps=1)
        inpaint(v15, window.cut(2 * 48_000, 12 * 48_000), (3.0, 5.0), steps=1)
    assert all(noise.device.type == "cpu" for noise in drawn)
    assert torch.equal(drawn[0][..., 125:175], drawn[1][..., 75:125])


def test_pitfall_12_codes_or_a_reference_in_the_text_do_not_change_the_task(v15):
    class Meddling:
        """A clip that puts codes and a reference into every conditioning."""

        tokenizer, tokenize = v15.clip.tokenizer, v15.clip.tokenize

        def encode_from_tokens_scheduled(self, tokens):
            made = v15.clip.encode_from_tokens_scheduled(tokens)
            more = {"audio_codes": [[1, 2, 3]], "reference_audio_timbre_latents": [torch.ones(1, 64, 200)]}
            return [[cross, {**extra, **more}] for cross, extra in made]

    window = sound(WINDOW_SECONDS)
    plain, _ = inpaint(v15, window, (2.0, 3.0))
    meddled, _ = inpaint(Parts(v15.model, Meddling(), v15.vae), window, (2.0, 3.0))
    assert torch.equal(meddled.waveform, plain.waveform)


def test_pitfall_12_the_repaint_instruction_is_given(v15):
    with calls_of(v15.clip.tokenizer.qwen3_06b, "tokenize_with_weights") as texts:
        inpaint(v15, sound(WINDOW_SECONDS + 0.9, 48_000), (2.0, 3.0))
    given = texts[-1][0]
    assert given == (
        "# Instruction\nRepaint the mask area based on the given conditions:\n\n"
        "# Caption\nlo-fi, mellow\n\n"
        "# Metas\n- bpm: 75\n- timesignature: 3\n- keyscale: A minor\n- duration: 6 seconds\n"
        "<|endoftext|>\n<|endoftext|>"
    )


def test_pitfall_13_turbo_runs_at_guidance_1_only(v15):
    with calls_of(v15.network, "forward") as called:
        with pytest.raises(InputError, match="guidance is 5, but turbo models are made to run at 1"):
            inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), guidance=5.0)
        assert called == []
        inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), guidance=1.0)
        assert len(called) == 8
    _, warnings = inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), variant="sft", steps=8)
    assert any("8 steps are few for ACE-Step 1.5 sft" in warning for warning in warnings)


def test_pitfall_14_the_context_is_the_original_and_not_its_copy_through_the_vae(v15):
    window = sound(10.0, 48_000)
    first, _ = inpaint(v15, window, (8.0, 9.0), steps=1)
    again, _ = inpaint(v15, first, (8.0, 9.0), steps=1)
    far = slice(0, round(3.9 * 48_000))
    assert torch.equal(again.waveform[:, far], window.waveform[:, far])


def test_pitfall_15_comfyui_is_asked_for_the_networks_memory(v15):
    import comfy.model_management

    with calls_of(comfy.model_management, "load_models_gpu") as loads:
        inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0))
    asked = [args for args in loads if any(model.model is v15.model.model for model in args[0])]
    assert asked


def test_pitfall_16_progress_is_comfyuis_own_and_every_stage_says_what_it_is(v15):
    import comfy.utils

    states, shown = [], []

    class Watched(Progress):
        def status(self, **facts):
            states.append(facts["state"])

    comfy.utils.set_progress_bar_global_hook(lambda value, total, preview, **_: shown.append((value, total)))
    try:
        inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), progress=Watched())
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    # ComfyUI leaves out steps that follow each other too quickly to be seen.
    assert shown[-1] == (8, 8) and {total for _, total in shown} == {8}
    assert states == ["loading", "reading tags and lyrics", "encoding", "sampling", "decoding"]


def test_pitfall_17_a_range_below_a_frame_is_rendered_and_limits_are_checked_before_loading(v15, v1):
    for parts in (v15, v1):
        made, _ = inpaint(parts, sound(WINDOW_SECONDS), (2.0, 2.05), steps=2, guidance=1.0)
        assert made.samples == WINDOW_SECONDS * made.sample_rate
    with pytest.raises(InputError, match="strength is nan"):
        inpaint(v15, sound(WINDOW_SECONDS), (2.0, 3.0), strength=float("nan"))


def test_pitfall_16_pieces_of_the_vae_are_counted(v15):
    import comfy.utils
    from acestep_nodes.nodes.backends.local.family import V15

    shown = []
    comfy.utils.set_progress_bar_global_hook(lambda value, total, preview, **_: shown.append((value, total)))
    try:
        encode(v15, V15, sound(21.1, 48_000).waveform)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert shown[-1] == (3, 3)
