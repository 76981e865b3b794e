"""ACE-Step 1.5 as ``diffusers`` runs it, with the weights of the small models: an oracle nobody here wrote.

Its pipeline has songs, repaints and covers, the text included. Where the two differ:

- It has no correction after the steps and puts nothing back around a repaint, so it is compared with the pack's own
  sampling without either. Upstream has both and is followed.
- In its encoders of lyrics and timbre every other layer looks 128 tokens far, as in upstream's; in ComfyUI's all look
  everywhere. They are ComfyUI's, so its are followed: the pipeline is given a window that reaches everywhere.
- Its text encoder reads the marks that end a text, ComfyUI's does not. Again ComfyUI's is followed, by a mask.
- At a cover's strength below 1 it mixes two velocities in every step; upstream changes from one text to the other at a
  step, and is followed, so covers are compared at strength 1.
"""

import re

import torch

from local_models import session

# ComfyUI's names of the weights → diffusers'.
_RENAMED = (
    (r"\.([qkv])_proj\.", r".to_\1."),
    (r"\.o_proj\.", ".to_out.0."),
    (r"\.([qk])_norm\.", r".norm_\1."),
    (r"^proj_(in|out)\.1\.", r"proj_\1_conv."),
)
_ATTENTION = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
_SIZES = {"hidden_size": 64, "intermediate_size": 96, **_ATTENTION}
# ComfyUI makes the tokenizer's and the detokenizer's layers from their width alone.
_CODE_SIZES = {"hidden_size": 64, "intermediate_size": 192, **_ATTENTION} | {
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
}
_EVERYWHERE = 10_000
_END_OF_TEXT = 151_643
TAGS, LYRICS = "lo-fi, mellow", "[Verse]\nla la la"
DATA = {"bpm": 75, "keyscale": "A minor", "timesignature": "3"}


def pipeline(parts: session.Parts, source: torch.Tensor | None = None):
    """The pipeline with the weights of ``parts``; ``source`` [1, 64, T] is what its VAE makes of any sound."""
    from acestep_nodes.nodes.backends.local import v15
    from diffusers import AceStepTransformer1DModel, FlowMatchEulerDiscreteScheduler
    from diffusers.pipelines.ace_step import AceStepPipeline
    from diffusers.pipelines.ace_step import modeling_ace_step as parts_of

    network = parts.network
    encoder = parts_of.AceStepConditionEncoder(
        text_hidden_dim=32,
        num_lyric_encoder_hidden_layers=1,
        num_timbre_encoder_hidden_layers=1,
        sliding_window=_EVERYWHERE,
        **_SIZES,
    )
    silence = v15.silence(encoder.silence_latent.shape[1]).movedim(1, 2)
    own = {"null_condition_emb": network.null_condition_emb, "silence_latent": silence}
    made = AceStepPipeline(
        vae=_Encoded(source),
        text_encoder=_text_encoder(parts.clip),
        tokenizer=_Tokenizer(parts.clip),
        transformer=_with(AceStepTransformer1DModel(num_hidden_layers=2, **_SIZES), network.decoder),
        condition_encoder=_with(encoder, network.encoder, own),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
        audio_tokenizer=_with(
            parts_of.AceStepAudioTokenizer(fsq_dim=64, num_attention_pooler_hidden_layers=1, **_CODE_SIZES),
            network.tokenizer,
        ),
        audio_token_detokenizer=_with(parts_of.AceStepAudioTokenDetokenizer(**_CODE_SIZES), network.detokenizer),
    )
    made.set_progress_bar_config(disable=True)
    return made


def _with(module: torch.nn.Module, ours: torch.nn.Module, more: dict | None = None) -> torch.nn.Module:
    """``module`` with the weights of ``ours``; raises RuntimeError when one of either is left over."""
    weights = {}
    for name, weight in ours.state_dict().items():
        for pattern, replacement in _RENAMED:
            name = re.sub(pattern, replacement, name)
        weights[name] = weight
    module.load_state_dict(weights | (more or {}))
    return module.requires_grad_(False).eval()


def _text_encoder(clip) -> torch.nn.Module:
    from transformers import Qwen3Config, Qwen3Model

    class Reading(Qwen3Model):
        def forward(self, input_ids):
            before_its_end = (input_ids == _END_OF_TEXT).cumsum(-1) == 0
            return super().forward(input_ids=input_ids, attention_mask=before_its_end.long())

    ours = clip.cond_stage_model.qwen3_06b.transformer.model
    config = Qwen3Config(
        vocab_size=ours.embed_tokens.weight.shape[0],
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        rope_theta=1_000_000.0,
    )
    encoder = Reading(config)
    encoder.load_state_dict(ours.state_dict())
    return encoder.requires_grad_(False).eval()


class _Tokenizer:
    """ComfyUI's files in transformers' class; like the one that comes with the model, it ends every text."""

    def __init__(self, clip):
        self._own = clip.tokenizer.qwen3_06b.tokenizer

    def __call__(self, texts: list[str], **options):
        return self._own([text + "<|endoftext|>" for text in texts], **options)


class _Encoded(torch.nn.Module):
    """A VAE that makes ``latents`` of any sound; what is compared ends before a real one would decode it."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, latents: torch.Tensor | None):
        super().__init__()
        self.config = _Named(sampling_rate=48_000, downsampling_ratios=(2, 4, 4, 6, 10))
        self._latents = latents

    def encode(self, _sound: torch.Tensor):
        return _Named(latent_dist=_Named(sample=lambda: self._latents))


class _Named:
    def __init__(self, **values):
        vars(self).update(values)


def differences(parts: session.Parts, seed: int) -> dict[str, float]:
    """Case → greatest absolute difference between the pipeline's latents and the pack's."""
    torch.manual_seed(seed)
    return _songs(parts, seed) | _repaints(parts, seed) | _covers(parts, seed)


def _songs(parts: session.Parts, seed: int) -> dict[str, float]:
    """Whole songs of the node, text and audio codes included; base has no correction."""
    from acestep_nodes.nodes.backends.local import conditioning
    from acestep_nodes.nodes.backends.local.noise import plain_noise

    from local_models.templates import latents_of_song

    found = {}
    for duration, guidance in ((6, 1.0), (7, 7.0)):
        with session.calls_of(conditioning, "zeroed") as encoded:
            ours = latents_of_song(
                parts, variant="base", seed=seed, duration=duration, steps=8, guidance=guidance, language="en",
                tags=f"{TAGS}, 75 BPM, A minor, 3/4", lyrics=LYRICS,
            )  # fmt: skip
        (codes,) = encoded[0][0][0][1]["audio_codes"]
        theirs = _ran(
            pipeline(parts),
            noise=plain_noise(ours.shape, seed),
            guidance=guidance,
            audio_codes="".join(f"<|audio_code_{code}|>" for code in codes),
        )
        found[f"diffusers song, {duration} s, guidance {guidance:g}"] = _greatest(ours, theirs)
    return found


def _repaints(parts: session.Parts, seed: int) -> dict[str, float]:
    """Repaints, and extensions, which are repaints up to an end; nothing is put back around them."""
    from acestep_nodes.nodes.backends.local import conditioning, v15
    from acestep_nodes.nodes.backends.local.noise import edit_noise
    from acestep_nodes.nodes.backends.local.recipe import Recipe
    from acestep_nodes.nodes.backends.local.surroundings import Surroundings
    from acestep_nodes.nodes.request.progress import Progress

    found = {}
    for frames, span, guidance in ((151, (40, 71), 1.0), (150, (33, 90), 7.0), (175, (120, 175), 7.0)):
        source = torch.randn(1, 64, frames)
        positive = conditioning.encode_v15_repaint(parts.clip, _prompt(frames), print)
        ours = v15.repaint(
            parts.model,
            positive,
            conditioning.zeroed(positive),
            source=source,
            spans=[span],
            recipe=Recipe(8, guidance),
            strength=1.0,
            seed=seed,
            progress=Progress(),
            surroundings=Surroundings(ratio=0.0, blend_frames=0),
        )
        theirs = _ran(
            pipeline(parts, source),
            noise=edit_noise(source.shape, [span], seed),
            guidance=guidance,
            task_type="repaint",
            src_audio=torch.zeros(2, frames * 1920),
            repainting_start=span[0] / 25,
            repainting_end=span[1] / 25,
        )
        found[f"diffusers repaint, {span} of {frames}, guidance {guidance:g}"] = _greatest(ours, theirs)
    return found


def _covers(parts: session.Parts, seed: int) -> dict[str, float]:
    """Covers at full strength, and the timbre of another sound; also of frames that fill no last code."""
    from acestep_nodes.nodes.backends.local import conditioning, v15
    from acestep_nodes.nodes.backends.local.noise import plain_noise
    from acestep_nodes.nodes.backends.local.recipe import Recipe
    from acestep_nodes.nodes.request.progress import Progress

    found = {}
    for frames, guidance in ((150, 1.0), (173, 7.0)):
        heard, timbre = torch.randn(1, 64, frames), torch.randn(1, 64, 750)
        task = conditioning.COVER_INSTRUCTION
        positive = conditioning.encode_v15_without_codes(parts.clip, _prompt(frames), task, print)
        for name, sources, theirs in (
            ("cover", {"cover": v15.Cover(heard, 1.0, positive[0][0])}, {"src_audio": torch.zeros(2, frames * 1920)}),
            ("timbre", {"timbre": timbre}, {"reference_audio": torch.zeros(2, 30 * 48_000), "instruction": task}),
        ):
            ours = v15.generate(
                parts.model,
                positive,
                conditioning.zeroed(positive),
                frames=frames,
                recipe=Recipe(8, guidance),
                seed=seed,
                progress=Progress(),
                planned=False,
                **sources,
            )
            theirs = _ran(
                pipeline(parts, heard if name == "cover" else timbre),
                noise=plain_noise(ours.shape, seed),
                guidance=guidance,
                task_type="cover" if name == "cover" else "text2music",
                **theirs,
            )
            found[f"diffusers {name}, {frames} frames, guidance {guidance:g}"] = _greatest(ours, theirs)
    return found


def _prompt(frames: int):
    from acestep_nodes.nodes.backends.local.conditioning import Prompt

    return Prompt(TAGS, LYRICS, "en", frames / 25, bpm=75, key="A minor", beats=3)


def _ran(made, *, noise: torch.Tensor, guidance: float, **task) -> torch.Tensor:
    """The latents [1, 64, T] that the pipeline makes of ``noise`` in eight steps."""
    ran = made(
        TAGS,
        LYRICS,
        audio_duration=noise.shape[-1] / 25,
        num_inference_steps=8,
        guidance_scale=guidance,
        latents=noise.movedim(1, 2),
        output_type="latent",
        **DATA,
        **task,
    )
    return ran.audios.movedim(1, 2)


def _greatest(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max())
