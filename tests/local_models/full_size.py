"""ACE-Step at its real size with random weights: as fast and as large as the real one, and noise to listen to."""

import torch

from . import tiny


def v15_model():
    """A MODEL of 2.4 B parameters (turbo, base and sft are the same network)."""
    import comfy.supported_models

    return _model(comfy.supported_models.ACEStep15, {"audio_model": "ace1.5"})


def v1_model():
    """A MODEL of 3.3 B parameters, with the dimensions ComfyUI gives every v1 file."""
    import comfy.model_detection
    import comfy.supported_models

    marker = {"genre_embedder.weight": torch.empty(2560, 768, device="meta")}
    return _model(comfy.supported_models.ACEStep, comfy.model_detection.detect_unet_config(marker, ""))


def _model(config_class, sizes: dict):
    import comfy.model_management
    import comfy.model_patcher

    device = comfy.model_management.get_torch_device()
    config = config_class(sizes)
    config.set_inference_dtype(torch.bfloat16 if device.type == "cuda" else torch.float32, None)
    network = config.get_model({}, "", device=device)
    _fill(network)
    return comfy.model_patcher.ModelPatcher(
        network, load_device=device, offload_device=comfy.model_management.unet_offload_device()
    )


def v15_clip():
    """A CLIP of the 0.6 B text encoder and the 1.7 B language model."""
    import comfy.sd
    import comfy.supported_models_base
    import comfy.text_encoders.ace15 as ace15

    target = comfy.supported_models_base.ClipTarget(ace15.ACE15Tokenizer, ace15.te(lm_model="qwen3_2b"))
    clip = comfy.sd.CLIP(target)
    _fill(clip.cond_stage_model)
    return clip


def v1_clip():
    """The small one: v1's text encoder is a hundredth of a run. Its width is the network's."""
    return tiny.v1_clip(width=768)


def v15_vae():
    """The VAE of 169 M parameters."""
    return tiny.v15_vae(channels=128)


def v1_vae():
    """The DCAE and vocoder of 260 M parameters."""
    import comfy.sd
    from comfy.ldm.ace.vae.music_dcae_pipeline import MusicDCAE

    network = MusicDCAE(source_sample_rate=44100)
    tiny.fill(network, 6)
    return comfy.sd.VAE(sd=network.state_dict())


def _fill(module: torch.nn.Module) -> None:
    """Weights that keep signals at their size, drawn where they lie."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "norm" in name and weight.ndim == 1:
                weight.fill_(1.0)
            elif weight.ndim <= 1:
                weight.zero_()
            else:
                weight.normal_(0.0, max(1, weight[0].numel()) ** -0.5)
