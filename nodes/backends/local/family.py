"""What differs between the two generations of ACE-Step: rates, frames, limits and the parts that belong to each."""

from dataclasses import dataclass

from ...errors import InputError
from ...words.remarks import remark


@dataclass(frozen=True)
class Family:
    """One generation of ACE-Step.

    version: its name in the node's ``version`` input. title: its name in sentences.
    sample_rate: Hz of its VAE. hop: samples a latent frame stands for at that rate.
    latent_shape: the dimensions between batch and time. network: the class in ``comfy.model_base``.
    tokenizer: the tokenizer's part by which its text encoder is told from others.
    max_seconds: longest sound one pass of the network can hold (training length and position range).
    min_frames: shorter latents are padded to this.
    reach_frames: latent frames on each side that a decoded frame depends on.
    """

    version: str
    title: str
    sample_rate: int
    hop: int
    latent_shape: tuple[int, ...]
    network: str
    tokenizer: str
    max_seconds: float
    min_frames: int
    reach_frames: int

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop


# reach_frames: measured, 1.5's decoder needs 8.3 frames before and 9.3 after and its encoder 7 and 6; v1's
# vocoder reaches 73 mel frames (9 latent ones) and its attention is global but fades.
V1 = Family("ace-step", "ACE-Step v1", 44_100, 4096, (8, 16), "ACEStep", "voicebpe", 240.0, 1, 64)
V15 = Family("ace-step-1.5", "ACE-Step 1.5", 48_000, 1920, (64,), "ACEStep15", "qwen3_06b", 600.0, 128, 16)
FAMILIES = {family.version: family for family in (V1, V15)}


def family_of_model(model, node: str) -> Family:
    """The generation of a connected MODEL. Raises InputError for anything that is not ACE-Step."""
    import comfy.model_base

    network = getattr(model, "model", None)
    for family in FAMILIES.values():
        network_class = getattr(comfy.model_base, family.network, None)
        if network_class is not None and isinstance(network, network_class):
            return family
    kind = type(network if network is not None else model).__name__
    raise InputError(remark("model_not_ace_step", node=node, kind=kind))


def check_clip(clip, family: Family, node: str) -> None:
    """Raise InputError when a connected CLIP is not the text encoder of ``family``."""
    tokenizer = getattr(clip, "tokenizer", None)
    if not hasattr(tokenizer, family.tokenizer) or hasattr(tokenizer, _OF_OTHERS):
        code = "clip_not_of_v1" if family is V1 else "clip_not_of_v15"
        raise InputError(remark(code, node=node, title=family.title))


def check_vae(vae, family: Family, node: str) -> None:
    """Raise InputError when a connected VAE is not the one of ``family``."""
    found = getattr(vae, "latent_channels", None), getattr(vae, "downscale_ratio", None)
    if found != (family.latent_shape[0], family.hop):
        raise InputError(remark("vae_not_of_model", node=node, title=family.title))


# ComfyUI takes 1.5's text encoder without a language model for that of Anima, whose tokenizer has this part as well.
_OF_OTHERS = "t5xxl"
