"""The official files of ACE-Step for ComfyUI: where each lies on the hub, where it goes, and what it has to be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from .family import V1, V15, Family
from .files import (
    CHECKPOINTS,
    CLIP,
    DIFFUSION_MODELS,
    LM,
    MODEL,
    TEXT,
    TEXT_ENCODERS,
    VAE,
    VAE_FOLDER,
    ModelFile,
)

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class OfficialFile:
    """A file on the hub. repo, path: where it lies there. folder: of ComfyUI's model folders. kinds: what it holds."""

    repo: str
    path: str
    folder: str
    bytes: int
    sha256: str
    kinds: frozenset[str]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def size(self) -> str:
        """For sentences: 4.8 GB."""
        return gigabytes(self.bytes)

    @property
    def url(self) -> str:
        """Where a person finds it, whatever endpoint is set."""
        return f"{HUB}/{self.repo}/resolve/main/{self.path}"


@dataclass(frozen=True)
class Entry:
    """A model that can be had: either ``whole``, all of it in one file, or ``parts``. variant: "" for v1."""

    id: str
    family: Family
    variant: str
    licence: str
    parts: tuple[OfficialFile, ...]
    whole: OfficialFile | None = None

    @property
    def title(self) -> str:
        """As sentences name it: ACE-Step 1.5 turbo."""
        return title(self.family, self.variant)

    @property
    def site(self) -> str:
        return site(self.family)

    def files(self, lacking: Collection[str], available: Sequence[ModelFile]) -> list[tuple[OfficialFile, bool]]:
        """Its files, each with whether it has to be brought.

        lacking: the kinds that no file has, see installed.Lack. available: the files there are, for telling whether
        what is there came as one file.
        """
        nothing_there = all(file.kinds <= set(lacking) for file in self.parts)
        came_whole = not lacking and self.whole and self.whole.name in {base_name(file.name) for file in available}
        if self.whole and (nothing_there or came_whole):
            return [(self.whole, bool(lacking))]
        return [(file, bool(set(lacking) & file.kinds)) for file in self.parts]


def title(family: Family, variant: str) -> str:
    """ACE-Step 1.5 XL turbo."""
    return f"{family.title} {variant.replace('xl_', 'XL ')}".strip()


def gigabytes(size: float) -> str:
    """For sentences: 4.8 GB."""
    return f"{size / 1e9:.1f}".removesuffix(".0") + " GB"


def site(family: Family) -> str:
    """The page on the hub that holds the files of this generation."""
    return f"{HUB}/{_V1_REPO if family is V1 else _V15_REPO}"


def entry_for(family: Family, variant: str, entries: Sequence[Entry] | None = None) -> Entry | None:
    """What brings that model; ``auto`` is turbo, everybody's default. None for one that is not offered."""
    wanted = "" if family is V1 else "turbo" if variant == "auto" else variant
    return next((e for e in entries or CATALOGUE if e.family is family and e.variant == wanted), None)


def base_name(name: str) -> str:
    """The file's own name in a name as ComfyUI lists it."""
    return Path(name.replace("\\", "/")).name


# Repositories and paths are those of ComfyUI's own ACE-Step templates. Sizes and digests are what the hub states for
# these files, as independent public projects that pin them have noted them down; they agree with each other (SwarmUI's
# source has the two text encoders'), v1's digest was found in one place only, its size in three. The hub states them
# anew before each download, and what arrives is measured.
_V15_REPO = "Comfy-Org/ace_step_1.5_ComfyUI_files"
_V1_REPO = "Comfy-Org/ACE-Step_ComfyUI_repackaged"
_ALL = frozenset({MODEL, CLIP, TEXT, LM, VAE})

V1_WHOLE = OfficialFile(
    _V1_REPO,
    "all_in_one/ace_step_v1_3.5b.safetensors",
    CHECKPOINTS,
    7_699_743_341,
    "f07cad74c4adce52ca14ca1bdf74cf3c14cbafb0823b95eca4459467fa369f40",
    _ALL,
)
TURBO_WHOLE = OfficialFile(
    _V15_REPO,
    "checkpoints/ace_step_1.5_turbo_aio.safetensors",
    CHECKPOINTS,
    10_025_478_736,
    "67b0f43aa5c51c840bd0228e6a935d8ff416ec87e5df2fc0637da17a561252bc",
    _ALL,
)


def _network(name: str, size: int, sha256: str) -> OfficialFile:
    path = f"split_files/diffusion_models/acestep_v1.5_{name}.safetensors"
    return OfficialFile(_V15_REPO, path, DIFFUSION_MODELS, size, sha256, frozenset({MODEL}))


_TEXT = OfficialFile(
    _V15_REPO,
    "split_files/text_encoders/qwen_0.6b_ace15.safetensors",
    TEXT_ENCODERS,
    1_191_588_248,
    "fd4590c82153b8ddb67e15a2e7aaa8afa8b83a858c8a9b82a4831063156aa7a7",
    frozenset({TEXT}),
)
_LM = OfficialFile(
    _V15_REPO,
    "split_files/text_encoders/qwen_1.7b_ace15.safetensors",
    TEXT_ENCODERS,
    3_708_523_360,
    "ed63e9247d1f55f3ace04fa11e95b085fc82d459c82c5626f0b2e37b91ebd710",
    frozenset({LM}),
)
_VAE = OfficialFile(
    _V15_REPO,
    "split_files/vae/ace_1.5_vae.safetensors",
    VAE_FOLDER,
    337_431_732,
    "6de92e3a862acd287e08b024ac90f0783a8635451b728721a33ff03565bcb2bb",
    frozenset({VAE}),
)
# What every network of 1.5 needs beside itself.
SHARED_PARTS = (_TEXT, _LM, _VAE)


def _of_v15(variant: str, network: OfficialFile, whole: OfficialFile | None = None) -> Entry:
    # What ACE-Step 1.5's own repository says; the text encoder in it comes from Qwen3, which is Apache-2.0.
    return Entry(variant, V15, variant, "MIT", (network, *SHARED_PARTS), whole)


# The network comes first, as it alone is an entry's own: what is half there says which entry was being brought.
CATALOGUE = (
    _of_v15(
        "turbo",
        _network("turbo", 4_787_825_604, "3f6e0797fad420a39bd33979eb6e840e30989e34a3794e843d23b60ec6e422d7"),
        TURBO_WHOLE,
    ),
    _of_v15(
        "base", _network("base", 4_787_825_604, "4177f600501a6d4bd81cadaa0abac557ffd15c54e5c8cb52053cdb24a0844d6b")
    ),
    _of_v15(
        "xl_turbo",
        _network("xl_turbo_bf16", 9_974_719_892, "86a1afb0a1f711f0e3304ff65d874df3ae6783db683dcf982513fb9b6d14ae71"),
    ),
    _of_v15(
        "xl_base",
        _network("xl_base_bf16", 9_974_719_930, "56bf816fc9a69a5f45635e867b2ad742e1e648eb51fadb7d124cb8332d2e0940"),
    ),
    _of_v15(
        "xl_sft",
        _network("xl_sft_bf16", 9_974_719_930, "3c05ae268353b3540fb1fd7db4fd77ffbda9802ec641b624e15648e030ecf3ce"),
    ),
    Entry("v1", V1, "", "Apache-2.0", (), V1_WHOLE),
)
