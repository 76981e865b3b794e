"""Finding ACE-Step in ComfyUI's model folders by what the files hold, choosing a set, and saying what is missing."""

import dataclasses
import os
import struct
import sys
import types

import pytest
from acestep_nodes.nodes.backends.local import files, installed
from acestep_nodes.nodes.backends.local.backend import LocalBackend
from acestep_nodes.nodes.backends.local.family import V1, V15
from acestep_nodes.nodes.errors import BackendUnavailable, InputError
from acestep_nodes.nodes.request import generate_request
from local_models import checkpoints as made


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty set of model folders, each with a second one as extra_model_paths.yaml adds them."""
    folders = {name: [tmp_path / name, tmp_path / "extra" / name] for name in files.FOLDERS}
    for paths in folders.values():
        for path in paths:
            path.mkdir(parents=True)

    def listed(name):
        return [str(f.relative_to(p)) for p in folders[name] for f in sorted(p.rglob("*")) if f.is_file()]

    fake = types.ModuleType("folder_paths")
    fake.get_filename_list = listed
    fake.get_full_path = lambda name, file: next((str(p / file) for p in folders[name] if (p / file).exists()), None)
    fake.get_folder_paths = lambda name: [str(p) for p in folders[name]]
    monkeypatch.setitem(sys.modules, "folder_paths", fake)
    return tmp_path


def _request(**changes):
    given = {"node": "ACEStepGenerate", "tags": "lo-fi", "lyrics": "", "seed": 1, "version": "auto",
             "backend": "local", "batch_size": 1, "duration": 10} | changes  # fmt: skip
    return generate_request(**given)


def _split_set(models, *networks, lm=made.LM_17B, lm_name="qwen_1.7b_ace15.safetensors"):
    for name, shapes in networks:
        made.write(models / "diffusion_models" / name, shapes)
    made.write(models / "text_encoders" / "qwen_0.6b_ace15.safetensors", made.TEXT_06B)
    made.write(models / "text_encoders" / lm_name, lm)
    made.write(models / "vae" / "ace_1.5_vae.safetensors", made.V15_VAE)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (made.V1_AIO, {("model", V1), ("clip", V1), ("vae", V1)}),
        (made.V15_AIO, {("model", V15), ("clip", V15), ("vae", V15)}),
        (made.V15_NETWORK, {("model", V15)}),
        (made.prefixed("model.diffusion_model.", made.XL_NETWORK), {("model", V15)}),
        (made.V15_VAE, {("vae", V15)}),
        (made.STABLE_AUDIO_VAE, set()),
        (made.TEXT_06B, {("text", V15)}),
        (made.LM_17B, {("lm", V15)}),
        (made.LM_4B, {("lm", V15)}),
        (made.PLAIN_QWEN3_06B, set()),
        (made.PLAIN_QWEN3_4B, set()),
        ({"model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3)}, set()),
    ],
)
def test_parts_are_told_by_tensors(shapes, expected):
    assert {(part.kind, part.family) for part in files.parts_of(shapes)} == expected


def test_an_all_in_one_without_language_model_has_no_text_encoder():
    # ComfyUI's loader stops with UnboundLocalError on such a file.
    header = {k: v for k, v in made.V15_AIO.items() if "qwen3_2b" not in k}
    assert {part.kind for part in files.parts_of(header)} == {"model", "vae"}


def test_renamed_files_in_subfolders_and_extra_paths_are_found(models):
    made.write(models / "extra" / "checkpoints" / "music" / "my favourite.safetensors", made.V15_AIO)
    chosen = installed.choose(_request())
    assert chosen.family is V15
    assert chosen.model == chosen.clip == chosen.vae
    assert chosen.model[0].name.endswith("my favourite.safetensors")
    assert chosen.assumed and chosen.is_turbo


def test_only_headers_are_read_and_each_only_once(models, monkeypatch):
    _split_set(models, ("acestep_v1.5_turbo.safetensors", made.V15_NETWORK))
    read = []
    real = files.read_header
    monkeypatch.setattr(files, "read_header", lambda path: read.append(path) or real(path))
    files.installed_files()
    files.installed_files()
    assert len(read) == 4


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0notjson!", struct.pack("<Q", 2**60), b"[]" * 50])
def test_broken_files_are_passed_over(models, content):
    (models / "checkpoints" / "broken.safetensors").write_bytes(content)
    made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    assert [file.name for file in files.installed_files()] == ["ace_step_v1_3.5b.safetensors"]


def test_auto_prefers_turbo_then_1_5_then_v1(models):
    made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    assert installed.choose(_request()).family is V1
    _split_set(models, ("acestep_v1.5_base.safetensors", made.V15_NETWORK))
    assert installed.choose(_request()).variant == "base"
    made.write(models / "diffusion_models" / "acestep_v1.5_xl_turbo_bf16.safetensors", made.XL_NETWORK)
    assert installed.choose(_request()).variant == "xl_turbo"
    made.write(models / "diffusion_models" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    chosen = installed.choose(_request())
    assert (chosen.variant, chosen.assumed) == ("turbo", False)
    assert "acestep_v1.5_turbo.safetensors" in chosen.name and "qwen_1.7b_ace15.safetensors" in chosen.name
    assert installed.choose(_request(version="ace-step")).family is V1


def test_variant_overrides_and_takes_text_and_vae_from_an_all_in_one(models):
    made.write(models / "checkpoints" / "ace_step_1.5_turbo_aio.safetensors", made.V15_AIO)
    made.write(models / "diffusion_models" / "acestep_v1.5_xl_sft_bf16.safetensors", made.XL_NETWORK)
    chosen = installed.choose(_request(variant="xl_sft"))
    assert chosen.model[0].name == "acestep_v1.5_xl_sft_bf16.safetensors"
    assert chosen.clip[0].name == chosen.vae[0].name == "ace_step_1.5_turbo_aio.safetensors"
    assert not chosen.is_turbo


def test_an_incomplete_set_is_not_chosen(models):
    made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    made.write(models / "diffusion_models" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    assert installed.choose(_request()).family is V1


def test_the_smaller_language_model_is_taken(models):
    _split_set(models, ("acestep_v1.5_turbo.safetensors", made.V15_NETWORK), lm=made.LM_4B, lm_name="a_4b.safetensors")
    assert "a_4b" in installed.choose(_request()).name
    made.write(models / "text_encoders" / "qwen_1.7b_ace15.safetensors", made.LM_17B)
    assert "qwen_1.7b" in installed.choose(_request()).name


def test_a_text_encoder_of_other_models_does_not_complete_a_set(models):
    made.write(models / "diffusion_models" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    made.write(models / "text_encoders" / "qwen_0.6b_ace15.safetensors", made.TEXT_06B)
    made.write(models / "text_encoders" / "qwen_3_4b.safetensors", made.PLAIN_QWEN3_4B)
    made.write(models / "vae" / "ace_1.5_vae.safetensors", made.V15_VAE)
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request())
    assert "qwen_1.7b_ace15.safetensors (3.7 GB)" in str(error.value)
    assert "acestep_v1.5_turbo.safetensors (4.8 GB)" not in str(error.value)


def test_nothing_installed_names_both_ways_forward_and_their_cost(models):
    with pytest.raises(BackendUnavailable) as error:
        LocalBackend(_request()).check(None)
    said = str(error.value)
    assert said.startswith("ACEStepGenerate: ")
    for part in (
        "ace_step_1.5_turbo_aio.safetensors (10 GB)",
        str(models / "checkpoints"),
        "https://huggingface.co/Comfy-Org/ace_step_1.5_ComfyUI_files",
        "runcomfy",
        "$0.0002 a second",
        "sketch",
    ):
        assert part in said


def test_a_missing_variant_asks_for_that_file_only(models):
    made.write(models / "checkpoints" / "ace_step_1.5_turbo_aio.safetensors", made.V15_AIO)
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request(variant="xl_base"))
    assert "acestep_v1.5_xl_base_bf16.safetensors" in str(error.value)
    assert "qwen" not in str(error.value) and "vae.safetensors" not in str(error.value)
    assert "turbo_aio.safetensors)" in str(error.value)  # what was found


@pytest.mark.parametrize("content", ["an error page", "half of it", "something else"])
def test_a_file_that_is_there_and_is_not_what_its_name_says_is_to_be_replaced(models, content):
    _split_set(models, ("acestep_v1.5_turbo.safetensors", made.V15_NETWORK))
    path = models / "vae" / "ace_1.5_vae.safetensors"
    if content == "an error page":
        path.write_bytes(b"<!DOCTYPE html><html>Sign in to download</html>")
    elif content == "half of it":
        os.truncate(path, path.stat().st_size // 2)
    else:
        made.write(path, {"decoder.conv_in.weight": (512, 4, 3, 3)})
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request())
    folder = models / "vae"
    assert f"ace_1.5_vae.safetensors (0.3 GB) in {folder}, in place of the one there, which is incomplete" in str(
        error.value
    )
    assert "acestep_v1.5_turbo.safetensors (4.8 GB)" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "shapes", "wrong", "right"),
    [
        ("ace_step_1.5_turbo_aio.safetensors", made.V15_AIO, "diffusion_models", "checkpoints"),
        ("my vae.safetensors", made.V15_VAE, "checkpoints", "vae"),
        ("some encoder.safetensors", made.LM_17B, "diffusion_models", "text_encoders"),
    ],
)
def test_a_file_in_a_folder_it_cannot_be_used_from_is_to_be_moved(models, name, shapes, wrong, right):
    made.write(models / wrong / name, shapes)
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request())
    said = f"You have {name} already, but ComfyUI cannot load it all from where it is: "
    assert f"{said}move it from {models / wrong} to {models / right}." in str(error.value)
    made.write(models / right / name, shapes)
    (models / wrong / name).unlink()
    assert not files.misplaced_files()


def test_a_network_alone_among_the_checkpoints_can_be_used(models):
    _split_set(models)
    made.write(models / "checkpoints" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    assert installed.choose(_request()).model[0].folder == "checkpoints"
    assert not files.misplaced_files()


def test_v1_asked_for_and_missing(models):
    made.write(models / "checkpoints" / "ace_step_1.5_turbo_aio.safetensors", made.V15_AIO)
    with pytest.raises(BackendUnavailable, match="ace_step_v1_3.5b.safetensors"):
        installed.choose(_request(version="ace-step"))


def test_turbo_refuses_guidance_and_limits_are_checked_before_anything_is_loaded(models):
    from acestep_nodes.nodes.backends.interface import Plan

    made.write(models / "checkpoints" / "ace_step_1.5_turbo_aio.safetensors", made.V15_AIO)
    made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    with pytest.raises(InputError, match="guidance is 7"):
        LocalBackend(_request(guidance=7.0)).check(Plan((10.0,)))
    LocalBackend(_request(guidance=1.0)).check(Plan((600.0,)))
    v1 = LocalBackend(_request(version="ace-step", duration=300))
    assert v1.max_seconds == 240
    with pytest.raises(InputError, match="300 s are asked for; ACE-Step v1 makes at most 240 s"):
        v1.check(Plan((300.0,)))


def test_a_renamed_file_is_what_the_user_says_it_is(models):
    made.write(models / "checkpoints" / "x.safetensors", made.V15_AIO)
    chosen = installed.choose(_request(variant="base"))
    assert (chosen.variant, chosen.assumed) == ("base", False)
    backend = LocalBackend(_request())
    from acestep_nodes.nodes.backends.interface import Plan

    backend.check(Plan((10.0,)))
    assert any("run as turbo" in warning for warning in backend.facts()["warnings"])


def test_a_replaced_file_changes_the_fingerprint(models):
    path = made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    before = LocalBackend.fingerprint(version="auto")
    assert before == LocalBackend.fingerprint(version="auto")
    os.utime(path, ns=(1, 1))
    replaced = LocalBackend.fingerprint(version="auto")
    assert replaced != before
    made.write(models / "vae" / "ace_1.5_vae.safetensors", made.V15_VAE)
    assert LocalBackend.fingerprint(version="auto") != replaced


def test_a_file_removed_while_listed_is_passed_over(models, monkeypatch):
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_full_path", lambda *_: str(models / "gone.safetensors"))
    monkeypatch.setattr(folder_paths, "get_filename_list", lambda _: ["gone.safetensors"])
    assert files.installed_files() == ()


def test_chosen_is_immutable(models):
    made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    with pytest.raises(dataclasses.FrozenInstanceError):
        installed.choose(_request()).variant = "turbo"
