"""ACE-Step models of ComfyUI's own classes at small dimensions, with seeded random weights.

Everything is built by the constructors ComfyUI's loaders use; only sizes differ.
"""

from contextlib import contextmanager

import torch

V15_SIZES = {
    "audio_model": "ace1.5",
    "hidden_size": 64,
    "text_hidden_dim": 32,
    "num_dit_layers": 2,
    "num_lyric_layers": 1,
    "num_timbre_layers": 1,
    "num_tokenizer_layers": 1,
    "num_heads": 4,
    "num_kv_heads": 2,
    "head_dim": 16,
    "intermediate_size": 96,
    "encoder_hidden_size": 64,
    "encoder_intermediate_size": 96,
    "encoder_num_heads": 4,
    "fsq_dim": 64,
}
V1_SIZES = {
    "audio_model": "ace",
    "num_layers": 2,
    "num_attention_heads": 4,
    "attention_head_dim": 16,
    "mlp_ratio": 2.0,
    "text_embedding_dim": 32,
    "lyric_encoder_vocab_size": 6693,
}


def v15_model(seed: int = 1):
    """A MODEL of ACE-Step 1.5's network, about 0.6 M parameters."""
    import comfy.supported_models

    return _model(comfy.supported_models.ACEStep15, V15_SIZES, seed)


def v1_model(seed: int = 1):
    """A MODEL of ACE-Step v1's network. Its lyric encoder cannot be made smaller, so it keeps one block of six."""
    import comfy.supported_models

    model = _model(comfy.supported_models.ACEStep, V1_SIZES, seed)
    blocks = model.model.diffusion_model.lyric_encoder.encoders
    del blocks[1:]
    return model


def _model(config_class, sizes: dict, seed: int):
    import comfy.model_patcher

    config = config_class(sizes)
    config.set_inference_dtype(torch.float32, None)
    network = config.get_model({}, "")
    fill(network, seed)
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(network, load_device=cpu, offload_device=cpu)


def fill(module: torch.nn.Module, seed: int, gain: float = 1.0) -> None:
    """Seeded weights: norms 1, biases small, matrices scaled by their input so that signals keep their size."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
            if "norm" in name and weight.ndim == 1 and name.endswith("weight"):
                weight.fill_(1.0)
            elif weight.ndim <= 1:
                weight.copy_(noise * 0.02)
            else:
                fan_in = weight[0].numel()
                weight.copy_(noise * gain / max(1, fan_in) ** 0.5)


def v15_clip(seed: int = 2):
    """A CLIP of 1.5's text encoder and language model: the real tokenizer and classes, 32 wide, one layer."""
    import comfy.sd
    import comfy.supported_models_base
    import comfy.text_encoders.ace15 as ace15

    with _small_language_models():
        target = comfy.supported_models_base.ClipTarget(ace15.ACE15Tokenizer, ace15.te(lm_model="qwen3_2b"))
        clip = comfy.sd.CLIP(target)
    fill(clip.cond_stage_model, seed)
    return clip


def v15_text_encoder_alone(seed: int = 2):
    """The same text encoder by the pack's loader for a file without a language model, with ``v15_clip``'s weights."""
    from acestep_nodes.nodes.backends.local import loading

    weights = {
        name.removeprefix("qwen3_06b.transformer."): weight
        for name, weight in v15_clip(seed).cond_stage_model.state_dict().items()
        if name.startswith("qwen3_06b.transformer.")
    }
    with _small_language_models():
        clip = loading.text_encoder_of([])
    clip.cond_stage_model.qwen3_06b.transformer.load_state_dict(weights)
    return clip


@contextmanager
def _small_language_models():
    from comfy.text_encoders import llama

    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"num_key_value_heads": 1}
    originals = {name: getattr(llama, name) for name in ("Qwen3_06B_ACE15_Config", "Qwen3_2B_ACE15_lm_Config")}

    def small(original):
        def config(**given):
            made = original(**(given | sizes))
            made.head_dim = 16
            return made

        return config

    try:
        for name, original in originals.items():
            setattr(llama, name, small(original))
        yield
    finally:
        for name, original in originals.items():
            setattr(llama, name, original)


def v15_vae(seed: int = 3, channels: int = 1):
    """A VAE of 1.5's class (Oobleck, hop 1920) with ``channels`` in its first layer instead of 128."""
    import functools

    import comfy.sd

    real = comfy.sd.AudioOobleckVAE
    small = functools.partial(real, channels=channels)
    network = small(strides=[2, 4, 4, 6, 10])
    fill(network, seed)
    _calm(network)
    comfy.sd.AudioOobleckVAE = small
    try:
        return comfy.sd.VAE(sd=network.state_dict())
    finally:
        comfy.sd.AudioOobleckVAE = real


def _calm(network: torch.nn.Module) -> None:
    """Gains at which sound of rms 0.1 has latents of about 1 and comes back at about 0.1."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("original0"):
                # The last convolution of a residual unit; the identity beside it carries the sound.
                weight.fill_(0.2 if name.endswith("layers.3.parametrizations.weight.original0") else 1.0)
        last = network.encoder.layers[-1]
        gain, half = last.parametrizations.weight.original0, last.bias.shape[0] // 2
        gain[:half], gain[half:] = 15.0, 0.01
        # Posterior deviation of about 0.01: there to be noticed, as in the real one, and small beside the means.
        last.bias[half:] = -4.6
        network.decoder.layers[-2].parametrizations.weight.original0.fill_(0.3)


def v1_clip(seed: int = 5, width: int = 32):
    """A CLIP of v1's text encoder: the real lyric tokenizer, and a UMT5 and its vocabulary of small size."""
    import comfy.sd
    import comfy.supported_models_base
    from comfy.text_encoders import ace

    class SmallText(ace.AceT5Model):
        def __init__(self, device="cpu", dtype=None, model_options=None):
            torch.nn.Module.__init__(self)
            self.umt5base = _small_umt5(width, device, dtype, model_options or {})
            self.dtypes = {dtype} if dtype is not None else set()

    target = comfy.supported_models_base.ClipTarget(ace.AceT5Tokenizer, SmallText)
    clip = comfy.sd.CLIP(target, tokenizer_data={"spiece_model": _small_vocabulary()})
    fill(clip.cond_stage_model, seed)
    return clip


def _small_umt5(width, device, dtype, model_options):
    import json
    from pathlib import Path

    import comfy.text_encoders.t5
    from comfy import sd1_clip
    from comfy.text_encoders import ace

    config = json.loads((Path(ace.__file__).parent / "umt5_config_base.json").read_text())
    config |= {"d_model": width, "d_ff": 48, "d_kv": 16, "num_heads": 2, "num_layers": 1, "vocab_size": 512}
    return sd1_clip.SDClipModel(
        device=device,
        textmodel_json_config=config,
        dtype=dtype,
        special_tokens={"end": 1, "pad": 0},
        model_class=comfy.text_encoders.t5.T5,
        enable_attention_masks=True,
        zero_out_masked=False,
        model_options=model_options,
    )


def _small_vocabulary() -> torch.Tensor:
    """A sentencepiece model of some letters, made on the spot, as ComfyUI stores it in a checkpoint."""
    import io

    import sentencepiece

    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["lo-fi hip-hop, mellow, rhodes piano, soft drums, 75 BPM, A minor"] * 20),
        model_writer=made,
        vocab_size=60,
        model_type="char",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return torch.frombuffer(bytearray(made.getvalue()), dtype=torch.uint8)


def v1_vae(seed: int = 6):
    """A VAE of v1's classes (DCAE and vocoder, hop 4096) with few channels."""
    import functools

    import comfy.sd
    from comfy.ldm.ace.vae import music_dcae_pipeline

    channels, single = (4, 8, 16, 16), (1, 1, 1, 1)
    dcae = {
        "attention_head_dim": 8,
        "encoder_block_out_channels": channels,
        "decoder_block_out_channels": channels,
        "encoder_layers_per_block": single,
        "decoder_layers_per_block": single,
    }
    vocoder = {"depths": [1, 1, 1, 1], "dims": [16, 16, 16, 16], "num_mels": 16, "upsample_initial_channel": 128}
    vocoder |= {"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]]}
    whole = music_dcae_pipeline.MusicDCAE
    network = whole(44100, dcae, vocoder)
    fill(network, seed)
    # The class names itself in super(), so its constructor is what can be made to build a small one.
    construct = whole.__init__
    whole.__init__ = functools.partialmethod(construct, dcae_config=dcae, vocoder_config=vocoder)
    try:
        return comfy.sd.VAE(sd=network.state_dict())
    finally:
        whole.__init__ = construct
