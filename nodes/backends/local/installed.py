"""Which of the installed models a request runs on."""

from dataclasses import dataclass, replace
from typing import Any

from ...errors import BackendUnavailable, InputError
from ...request.requests import GenerateRequest, Request
from ...words.remarks import remark
from . import catalogue, files, missing
from .family import FAMILIES, V1, V15, Family, check_clip, check_vae, family_of_model
from .files import CLIP, LM, MODEL, TEXT, VAE, XL_WIDTH, ModelFile, flavour_of
from .missing import Lack

CONNECTED = "connected"

# What ``auto`` tries, best first: turbo is fast and everybody's default; XL needs twice the memory. A file
# whose name does not say what it is comes after those that do.
_PREFERRED = ("turbo", "xl_turbo", "sft", "xl_sft", "base", "xl_base")


# What is to become of 1.5's language model, which stands in a file of its own beside the text encoder's. An edit does
# without, but takes both as a song before or after it does, so that they need not be loaded anew.
LM_CHOICES = LM_NEEDED, LM_IF_THERE, LM_LEFT_OUT = ("needed", "if there", "left out")


@dataclass(frozen=True)
class Wanted:
    """What is asked of the model folders. families: best first. connected: those of MODEL, CLIP and VAE that the node
    is given. xl: the connected MODEL is XL. lm: one of LM_NEEDED, LM_IF_THERE, LM_LEFT_OUT."""

    families: tuple[Family, ...]
    variant: str = "auto"
    connected: frozenset[str] = frozenset()
    xl: bool = False
    lm: str = LM_NEEDED


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
        return catalogue.title(self.family, self.variant)

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
    families = tuple(_families(request))  # refuses what is not ACE-Step, which the next line could not read
    xl = request.model is not None and _is_xl(request.model)
    wanted = Wanted(families, request.variant, _connected(request), xl, _lm(request))
    found = find(wanted)
    if isinstance(found, Lack):
        raise BackendUnavailable(remark("of_node", node=request.node, said=missing.said(found, request.version)))
    if request.model is None:
        return found
    variant, assumed = _variant_of_connected(found.family, request)
    return replace(found, variant=variant, assumed=assumed)


def find(wanted: Wanted) -> Chosen | Lack:
    """What the model folders hold for ``wanted``, best first, or what they lack for the first of its families."""
    available = files.installed_files()
    found = [_find_of(family, wanted, available) for family in wanted.families]
    return next((one for one in found if isinstance(one, Chosen)), found[0])


def families_named(version: str, variant: str) -> tuple[Family, ...]:
    """The generations that these inputs of a node allow, best first."""
    if version in FAMILIES:
        return (FAMILIES[version],)
    # A variant is named only for 1.5, so naming one asks for 1.5.
    return (V15, V1) if variant == "auto" else (V15,)


def plans(request: GenerateRequest) -> bool:
    """Whether 1.5's language model writes audio codes for the song. As upstream does, a cover goes without."""
    return request.planning != "off" and not request.covers


def _lm(request: Request) -> str:
    if not isinstance(request, GenerateRequest):
        return LM_IF_THERE
    return LM_NEEDED if plans(request) else LM_LEFT_OUT


def _connected(request: Request) -> frozenset[str]:
    parts = {MODEL: request.model, CLIP: request.clip, VAE: request.vae}
    return frozenset(kind for kind, part in parts.items() if part is not None)


def _families(request: Request) -> list[Family]:
    """The generations a request allows, best first: ``version``, and what the connected parts are."""
    wanted = FAMILIES.get(request.version)
    if request.model is not None:
        family = family_of_model(request.model, request.node)
        if wanted and wanted is not family:
            versions = {"version": wanted.version, "right": family.version}
            raise InputError(remark("model_of_other_version", node=request.node, title=family.title, **versions))
        wanted = family
    families = [wanted] if wanted else list(families_named(request.version, request.variant))
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


def _find_of(family: Family, wanted: Wanted, available: tuple[ModelFile, ...]) -> Chosen | Lack:
    vae = () if VAE in wanted.connected else _first(family, VAE, available)
    if MODEL in wanted.connected:
        model, variant, assumed = (), "", False
    else:
        model, variant, assumed = _model(family, wanted.variant, available) or (None, "", False)
    # When there is no such network, what would go with it is still told.
    xl = wanted.xl if MODEL in wanted.connected else (variant or wanted.variant).startswith("xl_")
    clip = () if CLIP in wanted.connected else _clip(family, xl, wanted.lm, available)
    if model is None or clip is None or vae is None:
        lacking = [kind for kind, part in ((MODEL, model), (VAE, vae)) if part is None]
        if clip is None:
            parts = [TEXT] if wanted.lm != LM_NEEDED else [TEXT, LM]
            lacking += [kind for kind in parts if not _first(family, kind, available)] if family is V15 else [CLIP]
        return Lack(family, wanted.variant, frozenset(lacking), available, xl)
    # An all-in-one file brings the parts it was made with.
    if CLIP not in wanted.connected and model and model[0].part(CLIP, family):
        clip = model
    if VAE not in wanted.connected and model and model[0].part(VAE, family):
        vae = model
    return Chosen(family, variant, assumed, model, clip, vae)


def _model(family: Family, wanted: str, available) -> tuple[tuple[ModelFile], str, bool] | None:
    """(its file, variant, assumed) of the best installed network."""
    candidates = [(file, part) for file in available if (part := file.part(MODEL, family))]
    if family is V1:
        return ((candidates[0][0],), "", False) if candidates else None
    order = _PREFERRED if wanted == "auto" else (wanted,)
    for variant in order:
        for file, part in candidates:
            if file.flavour and _variant(file.flavour, part.xl) == variant:
                return (file,), variant, False
    for variant in order:
        for file, part in candidates:
            # Nothing in a header tells turbo, base and sft apart, so what the user says about such a file holds.
            if file.flavour is None and part.xl == variant.startswith("xl_"):
                return (file,), variant, wanted == "auto"
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
    flavour = flavour_of(_loaded_from(model))
    return _variant(flavour or "turbo", _is_xl(model)), flavour is None


def _is_xl(model) -> bool:
    return model.model.model_config.unet_config.get("hidden_size", 0) >= XL_WIDTH


def _loaded_from(model) -> str:
    """The path ComfyUI loaded a MODEL from, which it keeps to load it again; "" when it is not known."""
    how = getattr(model, "cached_patcher_init", None)
    path = how[1][0] if how and how[1] else ""
    return path if isinstance(path, str) else ""


def _clip(family: Family, xl: bool, lm: str, available) -> tuple[ModelFile, ...] | None:
    """The text encoder: a split pair, else out of an all-in-one file; without its language model alone.

    The 1.7B language model before the 4B, and for XL the 4B, as ComfyUI's templates pair them.
    """
    text = _first(family, TEXT, available) if family is V15 else None
    if text and lm != LM_LEFT_OUT:
        models = [file for file in available if file.part(LM, family)]
        models.sort(key=lambda file: file.part(LM, family).size, reverse=xl)
        if models:
            return (*text, models[0])
    if text and lm == LM_LEFT_OUT:
        return text
    whole = _first(family, CLIP, available)
    return whole or (text if lm == LM_IF_THERE else None)


def _first(family: Family, kind: str, available) -> tuple[ModelFile, ...] | None:
    return next(((file,) for file in available if file.part(kind, family)), None)
