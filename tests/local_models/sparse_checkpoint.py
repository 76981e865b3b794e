"""A whole ACE-Step 1.5 all-in-one checkpoint that ComfyUI's own loader takes and runs, mostly holes.

Its network is as narrow as the loader allows (decoder 64 wide, two layers), text encoder and VAE have their
only possible sizes. About 2 GB long and 340 MB on disk: the VAE needs real numbers, as weight
normalisation of zeros is not a number; of everything else zeros will do.
"""

from pathlib import Path

import torch

from . import checkpoints

_NETWORK = {
    "audio_model": "ace1.5",
    "hidden_size": 64,
    "num_dit_layers": 2,
    "num_heads": 8,
    "intermediate_size": 128,
    "encoder_hidden_size": 2048,
    "encoder_num_heads": 8,
    "encoder_intermediate_size": 128,
}
_EMBEDDED_TOKENS = 4000


def write(path: Path) -> Path:
    """Needs ComfyUI's modules importable."""
    shapes, values = {}, {}
    for prefix, tensors in (
        ("model.diffusion_model.", _shapes_of(_network)),
        ("text_encoders.", _shapes_of(_text_encoder)),
        ("vae.", _shapes_of(_vae)),
    ):
        for name, shape in tensors.items():
            key = prefix + name
            shapes[key] = shape
            value = _value(prefix, name, shape)
            if value is not None:
                values[key] = value.half()
    # One tensor stands for the language model: the loader wants to see which one it is.
    shapes["text_encoders.qwen3_2b.transformer.model.norm.weight"] = (2048,)
    return checkpoints.write(path, shapes, values)


def _shapes_of(make) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in make().state_dict().items()}


def _network():
    import comfy.supported_models

    config = comfy.supported_models.ACEStep15(_NETWORK)
    config.set_inference_dtype(torch.float16, None)
    # Its memory is never touched: ComfyUI leaves weights as they come.
    return config.get_model({}, "").diffusion_model


def _text_encoder():
    import comfy.text_encoders.ace15 as ace15

    return ace15.ACE15TEModel(dtype=torch.float16)


def _vae():
    import comfy.sd

    with torch.device("meta"):
        return comfy.sd.AudioOobleckVAE(strides=[2, 4, 4, 6, 10])


def _value(prefix: str, name: str, shape: tuple[int, ...]) -> torch.Tensor | None:
    """Norms 1, the VAE and small matrices seeded noise; None is a hole."""
    generator = torch.Generator().manual_seed(sum(name.encode()))
    if prefix == "vae.":
        if name.endswith(("alpha", "beta", "bias")):
            return torch.zeros(shape)
        gain = 1.0 if name.endswith("original1") else _vae_gain(name)
        return torch.randn(shape, generator=generator) if name.endswith("original1") else torch.full(shape, gain)
    if "norm" in name and len(shape) == 1:
        return torch.ones(shape)
    if name.endswith("embed_tokens.weight") and prefix == "text_encoders.":
        return None
    if torch.tensor(shape).prod() <= 1 << 18 and shape:
        return 0.05 * torch.randn(shape, generator=generator)
    return None


def _vae_gain(name: str) -> float:
    if name.endswith("layers.3.parametrizations.weight.original0"):
        return 0.2  # the last convolution of a residual unit; the identity beside it carries the sound
    return 0.05 if name.startswith("decoder.layers.7") else 1.0
