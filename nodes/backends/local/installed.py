"""Which of the installed models a request runs on."""

from dataclasses import dataclass
from typing import Any

from ...errors import BackendUnavailable, InputError
from ...request import Request
from . import files, missing
from .family import FAMILIES, V1, V15, Family, check_clip, check_vae, family_of_model
from .files import CLIP, LM, MODEL, TEXT, VAE, XL_WIDTH, ModelFile, flavour_of

CONNECTED = "connected"

# What ``auto`` tries, best first: turbo is fast and everybody's default; XL needs twice the memory. A file
# whose name does not say what it is comes after those that do.
_PREFERRED = ("turbo", "xl_turbo", "sft", "xl_sft", "base", "xl_base")


@dataclass(frozen=True)
class Chosen:
    """The model of a run.

    variant: of 1.5, turbo … xl_sft; "" for v1. assumed: nothing said so, turbo is taken for granted.
    model, clip, vae: the files each part comes from; () when it is connected.
    """

    family: Family
    variant: str
    assumed: bool
    model: tuple[ModelFile, ...]
    clip: tuple[ModelFile, ...]
    vae: tuple[ModelFile, ...]

    @property
    def is_turbo(self) -> bool:
        return self.variant.endswith("turbo")

    @property
    def title(self) -> str:
        """As sentences name it: ACE-Step 1.5 turbo."""
        return f"{self.family.title} {self.variant.replace('xl_', 'XL ')}".strip()

    @property
    def name(self) -> str:
        """As the report names it: the variant and where its parts come from."""
        parts = [self._source(part) for part in (self.model, self.clip, self.vae)]
        return f"{self.title} ({', '.join(dict.fromkeys(parts))})"

    @staticmethod
    def _source(part: tuple[ModelFile, ...]) -> str:
        return " + ".join(file.name for file in part) or CONNECTED


def choose(request: Request) -> Chosen:
    """The model for ``request``. Raises InputError for a contradiction, BackendUnavailable when nothing fits."""
    families = _families(request)
    available = files.installed_files()
    for family in families:
        chosen = _choose_of(family, request, available)
        if chosen:
            return chosen
    raise BackendUnavailable(missing.message(request, families, available))


def _families(request: Request) -> list[Family]:
    """The generations a request allows, best first: ``version``, and what the connected parts are."""
    wanted = FAMILIES.get(request.version)
    if request.model is not None:
        family = family_of_model(request.model, request.node)
        if wanted and wanted is not family:
            raise InputError(
                f"{request.node}: version is {wanted.version}, but the connected model is {family.title}; set version "
                f"to auto or {family.version}, or connect another model."
            )
        wanted = family
    # A variant is named only for 1.5, so naming one asks for 1.5.
    families = [wanted] if wanted else [V15, V1] if request.variant == "auto" else [V15]
    for part, check in ((request.clip, check_clip), (request.vae, check_vae)):
        families = _fitting(families, part, check, request.node)
    return families


def _fitting(families: list[Family], part, check, node: str) -> list[Family]:
    """Those of ``families`` that a connected ``part`` belongs to; the last one's error when there is none."""
    if part is None:
        return families
    kept, problems = [], []
    for family in families:
        try:
            check(part, family, node)
            kept.append(family)
        except InputError as problem:
            problems.append(problem)
    if not kept:
        raise problems[-1]
    return kept


def _choose_of(family: Family, request: Request, available: tuple[ModelFile, ...]) -> Chosen | None:
    clip = () if request.clip is not None else _clip(family, available)
    vae = () if request.vae is not None else _first(family, VAE, available)
    if clip is None or vae is None:
        return None
    if request.model is not None:
        variant, assumed = _variant_of_connected(family, request)
        return Chosen(family, variant, assumed, (), clip, vae)
    model = _model(family, request.variant, available)
    if model is None:
        return None
    file, variant, assumed = model
    # An all-in-one file brings the parts it was made with.
    if request.clip is None and file.part(CLIP, family):
        clip = (file,)
    if request.vae is None and file.part(VAE, family):
        vae = (file,)
    return Chosen(family, variant, assumed, (file,), clip, vae)


def _model(family: Family, wanted: str, available) -> tuple[ModelFile, str, bool] | None:
    """(file, variant, assumed) of the best installed network."""
    candidates = [(file, part) for file in available if (part := file.part(MODEL, family))]
    if family is V1:
        return (candidates[0][0], "", False) if candidates else None
    order = _PREFERRED if wanted == "auto" else (wanted,)
    for variant in order:
        for file, part in candidates:
            if file.flavour and _variant(file.flavour, part.xl) == variant:
                return file, variant, False
    for variant in order:
        for file, part in candidates:
            # Nothing in a header tells turbo, base and sft apart, so what the user says about such a file holds.
            if file.flavour is None and part.xl == variant.startswith("xl_"):
                return file, variant, wanted == "auto"
    return None


def _variant(flavour: str, xl: bool) -> str:
    return f"xl_{flavour}" if xl else flavour


def _variant_of_connected(family: Family, request: Request) -> tuple[str, bool]:
    """(variant, assumed) of a connected MODEL: what the node says, else the name of the file it was loaded from."""
    if family is V1:
        return "", False
    if request.variant != "auto":
        return request.variant, False
    model: Any = request.model
    width = model.model.model_config.unet_config.get("hidden_size", 0)
    flavour = flavour_of(_loaded_from(model))
    return _variant(flavour or "turbo", width >= XL_WIDTH), flavour is None


def _loaded_from(model) -> str:
    """The path ComfyUI loaded a MODEL from, which it keeps to load it again; "" when it is not known."""
    how = getattr(model, "cached_patcher_init", None)
    path = how[1][0] if how and how[1] else ""
    return path if isinstance(path, str) else ""


def _clip(family: Family, available) -> tuple[ModelFile, ...] | None:
    """The text encoder: a split pair, else out of an all-in-one file. The 1.7B language model before the 4B."""
    if family is V15:
        text = _first(family, TEXT, available)
        models = [file for file in available if file.part(LM, family)]
        models.sort(key=lambda file: file.part(LM, family).size)
        if text and models:
            return (*text, models[0])
    return _first(family, CLIP, available)


def _first(family: Family, kind: str, available) -> tuple[ModelFile, ...] | None:
    return next(((file,) for file in available if file.part(kind, family)), None)
