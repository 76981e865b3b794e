"""ACE-Step's official ComfyUI templates as graphs of ComfyUI's own nodes, beside the pack's recipe ``comfyui``."""

import math

import torch

from local_models import session

VERSE = "[Verse]\nla la la\n[Chorus]\n**na** na"
TAGS = "lo-fi, mellow, 75 BPM, A minor, 3/4"
# steps, guidance, top_p of what stands in the templates; base and sft as the XL ones
V15 = {"turbo": (8, 1.0, 0.9), "xl_base": (50, 6.0, 0.9), "sft": (50, 7.0, 1.0)}


def v15_latents(
    parts, variant: str, *, seed: int, duration: int, tags=TAGS, lyrics=VERSE, data=(75, "A minor", "3"), shift=3.0,
    codes=True,
) -> torch.Tensor:  # fmt: skip
    """The latents of the 1.5 template of that variant. data: tempo, key and metre as its text node is given them."""
    from comfy_extras.nodes_ace import EmptyAceStep15LatentAudio, TextEncodeAceStepAudio15
    from comfy_extras.nodes_model_advanced import ModelSamplingAuraFlow

    steps, guidance, top_p = V15[variant]
    bpm, key, metre = data
    (positive,) = TextEncodeAceStepAudio15.execute(
        parts.clip, tags, lyrics, seed, bpm, float(duration), metre, "en", key, codes, 2.0, 0.85, top_p, 0, 0.0
    ).result
    (latent,) = EmptyAceStep15LatentAudio.execute(float(duration), 1).result
    (model,) = ModelSamplingAuraFlow().patch_aura(parts.model, shift)
    return _sampled(model, seed, steps, guidance, positive, latent)


def v1_latents(parts, *, seed: int, duration: int, tags=TAGS, lyrics=VERSE, shift=5.0) -> torch.Tensor:
    """The latents of the v1 template."""
    import comfy_extras.nodes_post_processing  # noqa: F401  (before nodes_latent, which it needs and which needs it)
    from comfy_extras.nodes_ace import EmptyAceStepLatentAudio, TextEncodeAceStepAudio
    from comfy_extras.nodes_latent import LatentApplyOperationCFG, LatentOperationTonemapReinhard
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    (positive,) = TextEncodeAceStepAudio.execute(parts.clip, tags, lyrics, 0.9900000000000002).result
    (latent,) = EmptyAceStepLatentAudio.execute(float(duration), 1).result
    (model,) = ModelSamplingSD3().patch(parts.model, shift)
    (operation,) = LatentOperationTonemapReinhard.execute(1.0000000000000002).result
    (model,) = LatentApplyOperationCFG.execute(model, operation).result
    return _sampled(model, seed, 50, 5.0, positive, latent)


def _sampled(model, seed, steps, guidance, positive, latent) -> torch.Tensor:
    import nodes

    (negative,) = nodes.ConditioningZeroOut().zero_out(positive)
    (made,) = nodes.KSampler().sample(model, seed, steps, guidance, "euler", "simple", positive, negative, latent, 1.0)
    return made["samples"]


def our_latents(parts, **changes) -> torch.Tensor:
    """The latents of the pack's song with recipe ``comfyui``."""
    return latents_of_song(parts, **{"tags": TAGS, "lyrics": VERSE, "recipe": "comfyui"} | changes)


def latents_of_song(parts, **options) -> torch.Tensor:
    """The latents of a song of the pack, whole but for the decoding."""
    from acestep_nodes.nodes.backends.local import vae_chunks

    kept = []

    def keep(_original):
        def decode(_vae, family, latents, *_):
            kept.append(latents)
            return torch.zeros(2, latents.shape[-1] * family.hop)

        return decode

    with session.replaced(vae_chunks, "decode", keep):
        session.generate(parts, **options)
    (latents,) = kept
    return latents


def differences(v15: session.Parts, v1: session.Parts, seed: int) -> dict[str, float]:
    """Case → greatest absolute difference between the template's latents and the pack's; infinite for another shape."""
    from comfy_extras.nodes_model_advanced import ModelSamplingAuraFlow, ModelSamplingSD3

    with torch.inference_mode():
        # 5 and 7 s are odd numbers of frames, 5 s fewer than upstream takes at least; 31 s is longer than 750 frames.
        cases = {
            f"{variant}, {duration} s": (
                our_latents(v15, variant=variant, seed=seed, duration=duration),
                v15_latents(v15, variant, seed=seed, duration=duration),
            )
            for variant, duration in (("turbo", 5), ("turbo", 31), ("xl_base", 7), ("sft", 6))
        }
        cases["turbo, without tempo, key and metre"] = (
            our_latents(v15, tags="lo-fi", lyrics="", seed=seed, duration=5),
            # The key and the metre of every template, and the tempo that its text node begins with.
            v15_latents(v15, "turbo", seed=seed, duration=5, tags="lo-fi", lyrics="", data=(120, "E minor", "4")),
        )
        # Blanks and empty lines, and a tag that names a language: the templates are in English.
        loose = {"tags": " lo-fi,\n spanish, 75 BPM, A minor, 3/4 \n", "lyrics": "\n[Verse]  \n la la \n\n"}
        cases["turbo, text to the letter"] = (
            our_latents(v15, seed=seed, duration=5, **loose),
            v15_latents(v15, "turbo", seed=seed, duration=5, **loose),
        )
        cases["v1, text to the letter"] = (
            our_latents(v1, variant="auto", seed=seed, duration=5, **loose),
            v1_latents(v1, seed=seed, duration=5, **loose),
        )
        cases["turbo, without planning"] = (
            our_latents(v15, seed=seed, duration=7, planning="off"),
            v15_latents(v15, "turbo", seed=seed, duration=7, codes=False),
        )
        (shifted,) = ModelSamplingAuraFlow().patch_aura(v15.model, 2.0)
        cases["turbo, shift 2"] = (
            our_latents(session.Parts(shifted, v15.clip, v15.vae), seed=seed, duration=5),
            v15_latents(v15, "turbo", seed=seed, duration=5, shift=2.0),
        )
        for duration, lyrics in ((5, VERSE), (7, ""), (6, "[Verse]\n夜が明ける")):
            cases[f"v1, {duration} s"] = (
                our_latents(v1, variant="auto", seed=seed, duration=duration, lyrics=lyrics),
                v1_latents(v1, seed=seed, duration=duration, lyrics=lyrics),
            )
        (shifted,) = ModelSamplingSD3().patch(v1.model, 4.0)
        cases["v1, shift 4"] = (
            our_latents(session.Parts(shifted, v1.clip, v1.vae), variant="auto", seed=seed, duration=5),
            v1_latents(v1, seed=seed, duration=5, shift=4.0),
        )
    return {f"template {name}": _difference(*pair) for name, pair in cases.items()}


def _difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return math.inf if ours.shape != theirs.shape else float((ours - theirs).abs().max())
