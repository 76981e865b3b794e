"""Finding ACE-Step in ComfyUI's model folders by what the files hold, choosing a set, and saying what is missing."""

import dataclasses
import os
import struct
from pathlib import Path

import pytest
from acestep_nodes.nodes.backends.local import files, installed
from acestep_nodes.nodes.backends.local.backend import LocalBackend
from acestep_nodes.nodes.backends.local.family import V1, V15
from acestep_nodes.nodes.backends.local.folders import standard_folder
from acestep_nodes.nodes.errors import BackendUnavailable, InputError
from acestep_nodes.nodes.request.requests import generate_request, inpaint_request
from local_models import checkpoints as made

pytest_plugins = ["model_folders"]


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


def _without_lm(models):
    _split_set(models, ("acestep_v1.5_turbo.safetensors", made.V15_NETWORK))
    (models / "text_encoders" / "qwen_1.7b_ace15.safetensors").unlink()


def test_without_a_language_model_a_song_is_made_unplanned_and_an_edit_as_ever(models):
    _without_lm(models)
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request())
    assert "qwen_1.7b_ace15.safetensors (3.7 GB)" in str(error.value)
    assert "set planning to off, which needs no language model: all else is there." in str(error.value)
    text = ["qwen_0.6b_ace15.safetensors"]
    assert [file.name for file in installed.choose(_request(planning="off")).clip] == text
    assert [file.name for file in installed.choose(_edit()).clip] == text
    cover = _request(reference=object(), reference_use="cover")
    assert [file.name for file in installed.choose(cover).clip] == text
    (models / "diffusion_models" / "acestep_v1.5_turbo.safetensors").unlink()
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request())
    assert "set planning to off" not in str(error.value)


def test_an_unplanned_song_does_not_load_the_language_model_and_an_edit_shares_it(models):
    _split_set(models, ("acestep_v1.5_turbo.safetensors", made.V15_NETWORK))
    assert len(installed.choose(_request()).clip) == len(installed.choose(_edit()).clip) == 2
    assert [file.name for file in installed.choose(_request(planning="off")).clip] == ["qwen_0.6b_ace15.safetensors"]


def _edit():
    return inpaint_request(
        node="N", tags="lo-fi", lyrics="", seed=1, version="auto", backend="local", batch_size=1
    )  # fmt: skip


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


def test_a_variant_that_is_there_is_not_asked_for_again_when_only_its_vae_is_missing(models):
    _split_set(models, ("acestep_v1.5_xl_base_bf16.safetensors", made.XL_NETWORK))
    (models / "vae" / "ace_1.5_vae.safetensors").unlink()
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request(variant="xl_base"))
    said = str(error.value)
    assert "ace_1.5_vae.safetensors (0.3 GB)" in said and "(10 GB)" not in said and "qwen_1.7b" in said.split("They")[0]
    assert "qwen_1.7b_ace15.safetensors (3.7 GB)" not in said


def test_a_variant_that_comfyui_does_not_offer_is_named_by_what_its_file_is_told_by(models):
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request(variant="sft"))
    said = str(error.value)
    assert f"a file with sft in its name (about 5 GB; ComfyUI offers xl_sft ready-made) in {models}" in said
    assert "qwen_0.6b_ace15.safetensors (1.2 GB)" in said and "Get the model" not in said


def test_files_go_to_the_folder_that_bears_the_name(models, monkeypatch):
    import folder_paths

    monkeypatch.setattr(folder_paths, "get_folder_paths", lambda name: ["/models/unet", f"/models/{name}"])
    assert standard_folder("diffusion_models") == Path("/models/diffusion_models")
    monkeypatch.setattr(folder_paths, "get_folder_paths", lambda name: ["/big disk/sd", "/other"])
    assert standard_folder("checkpoints") == Path("/big disk/sd")


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
    assert "run_as_turbo" in [said.code for said in backend.facts()["warnings"]]


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


@pytest.mark.parametrize(("network", "family"), [(made.V1_NETWORK, V1), (made.V15_NETWORK, V15)])
def test_a_network_without_one_of_its_parts_is_none(network, family):
    assert [part.whole for part in files.parts_of(network)] == [True]
    for left_out in network.keys() - {"decoder.time_embed_r.linear_1.weight"}:
        (part,) = files.parts_of({name: shape for name, shape in network.items() if name != left_out})
        assert (part.kind, part.family, part.whole) == ("model", family, False), left_out


def test_half_a_language_model_is_none():
    assert [part.whole for part in files.parts_of(made.LM_4B)] == [True]
    first_half = {name: shape for name, shape in made.LM_4B.items() if name != "model.norm.weight"}
    assert [part.whole for part in files.parts_of(first_half)] == [False]


def _said(**changes) -> str:
    with pytest.raises(BackendUnavailable) as error:
        installed.choose(_request(**changes))
    return str(error.value)


def test_shards_are_no_model_and_are_named(models):
    _split_set(models)
    halves = [
        {name: shape for name, shape in made.V15_NETWORK.items() if name.startswith("decoder.") is first}
        for first in (True, False)
    ]
    names = [f"acestep_base-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name, half in zip(names, halves):
        made.write(models / "diffusion_models" / name, half)
    said, folder = _said(), models / "diffusion_models"
    for number, name in enumerate(names, start=1):
        assert f"{name} in {folder} is part {number} of 2; ComfyUI needs one file with all of it." in said
    assert "move it" not in said
    # A name that says it is one of several counts even when it has a tensor of everything.
    made.write(models / "diffusion_models" / names[0], made.V15_NETWORK)
    assert "is part 1 of 2" in _said()
    made.write(models / "diffusion_models" / "model-00001-of-00001.safetensors", made.V15_NETWORK)
    assert installed.choose(_request()).model[0].name == "model-00001-of-00001.safetensors"


def test_half_a_network_under_a_whole_ones_name_is_none(models):
    half = {name: shape for name, shape in made.V15_NETWORK.items() if not name.startswith("encoder.")}
    _split_set(models, ("acestep_v1.5_turbo.safetensors", half))
    assert "acestep_v1.5_turbo.safetensors in " in _said() and "is only a part of a network" in _said()


def test_xl_takes_the_larger_language_model(models):
    _split_set(models, ("acestep_v1.5_xl_sft_bf16.safetensors", made.XL_NETWORK))
    assert "qwen_1.7b" in installed.choose(_request()).name
    made.write(models / "text_encoders" / "qwen_4b_ace15.safetensors", made.LM_4B)
    assert "qwen_4b" in installed.choose(_request()).name
    made.write(models / "diffusion_models" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    assert "qwen_1.7b" in installed.choose(_request()).name
    for name in ("qwen_4b_ace15", "qwen_1.7b_ace15"):
        (models / "text_encoders" / f"{name}.safetensors").unlink()
    larger = f"qwen_4b_ace15.safetensors (about 8.4 GB in {models / 'text_encoders'})"
    assert larger in _said(variant="xl_sft")
    assert larger not in _said(variant="turbo")


def test_files_in_other_formats_are_named_with_the_loader_that_reads_them(models):
    for folder, name in (
        ("diffusion_models", "acestep-v1.5-turbo-Q8_0.gguf"),
        ("extra/checkpoints", "music/ACE Step.ckpt"),
        ("text_encoders", "qwen-ace15-4b.gguf"),
        ("diffusion_models", "flux.gguf"),
    ):
        path = models / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"GGUF")
    said = _said()
    assert "You have acestep-v1.5-turbo-Q8_0.gguf, which only other loaders read: load it with a GGUF loader" in said
    assert (
        "You have ACE Step.ckpt, which only other loaders read: load it with ComfyUI's loader for it and connect"
        in said
    )
    assert "connect that to model." in said and "connect that to clip." in said
    assert "flux" not in said


@pytest.mark.parametrize(
    ("name", "flavour"),
    [
        ("acestep_v1.5_turbo.safetensors", "turbo"),
        ("acestep_v1.5_xl_sft_bf16.safetensors", "sft"),
        ("AceStepTurbo.safetensors", "turbo"),
        ("acestepbase2b.safetensors", "base"),
        ("ACE-Step-1.5-XLBase.safetensors", "base"),
        ("ACESTEP_BASE.safetensors", "base"),
        ("database_x.safetensors", None),
        ("turbocharged.safetensors", None),
        ("base/ace.safetensors", None),
        ("merge_base_sft.safetensors", None),
    ],
)
def test_a_name_says_what_a_file_is_only_as_a_word(name, flavour):
    assert files.flavour_of(name) == flavour
