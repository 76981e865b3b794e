"""Inputs and outputs that several nodes declare alike. Their order is part of the public contract:
saved workflows store widget values by position, so new ones are only ever added at the end and optional.
"""

from comfy_api.v0_0_2 import io

from ..request.requests import (
    MAX_BATCH_SIZE,
    MAX_CONTEXT_SECONDS,
    MAX_COST_USD,
    MAX_CROSSFADE_MS,
    MAX_GUIDANCE,
    MAX_SEED,
    MAX_STEPS,
)
from ..words.vocabulary import (
    BACKENDS,
    KEEPS,
    LANGUAGES,
    PLANNINGS,
    RECIPES,
    REFERENCE_USES,
    SURROUNDINGS,
    VARIANTS,
    VERSIONS,
)

CATEGORY = "audio/ACE-Step"
TimeRangeType = io.Custom("TIME_RANGE")


def shared_required() -> list:
    """What each rendering node must be told, after what is its own."""
    return [
        io.String.Input(
            "tags",
            multiline=True,
            placeholder="lo-fi hip-hop, mellow, rhodes piano, soft drums, 75 BPM",
            tooltip="What the new music sounds like: genre, mood, instruments, vocals, tempo and key, separated by "
            "commas. Be specific. For an edit, share enough tags with the rest of the track to blend in.",
        ),
        io.String.Input(
            "lyrics",
            default="",
            multiline=True,
            placeholder="[Verse]\n…\n[Chorus]\n…",
            tooltip="Words to sing, with section markers such as [Verse], [Chorus], [Bridge] on their own line. "
            "[inst] or [instrumental] means no vocals. Blank: the local model plays without vocals, RunComfy's model "
            "writes its own words unless the tags say instrumental.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=-1,
            max=MAX_SEED,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="The same seed, inputs and backend give the same music. -1 draws a new seed on every run (on "
            "RunComfy every run is then charged); the report names the one drawn.",
        ),
        io.Combo.Input(
            "version",
            options=list(VERSIONS),
            default="auto",
            tooltip="auto takes the best version installed locally, and ace-step on RunComfy (the cheapest, and the "
            "only one RunComfy hosts for edits).",
        ),
        io.Combo.Input(
            "backend",
            options=list(BACKENDS),
            default="auto",
            tooltip="Where the music is made. local: your GPU and the weights in ComfyUI's model folders. runcomfy: "
            "RunComfy's servers, charged by the second. sketch: a plain synthesiser, not ACE-Step, to try a graph for "
            "free. auto is local and never spends money.",
        ),
        io.Int.Input(
            "batch_size",
            default=1,
            min=1,
            max=MAX_BATCH_SIZE,
            tooltip="Number of takes, with the seeds seed, seed+1, … The outputs come as one AUDIO batch. On RunComfy "
            "every take is charged.",
        ),
    ]


def shared_optional() -> list:
    """What each rendering node may be told, after what is its own."""
    return [
        io.Combo.Input(
            "language",
            options=["auto", *LANGUAGES],
            default="auto",
            optional=True,
            advanced=True,
            tooltip="Language of the vocals. Set it when the lyrics are sung in the wrong one. auto goes by "
            "their script, in Latin script by the tags, and else takes English; on RunComfy it is sent as a tag.",
        ),
        io.Combo.Input(
            "variant",
            options=list(VARIANTS),
            default="auto",
            optional=True,
            advanced=True,
            tooltip="Which installed ACE-Step 1.5 model to use: turbo is fast, base and sft are slower and follow the "
            "tags more closely, xl needs more memory. Only for backend local with version 1.5.",
        ),
        io.Int.Input(
            "steps",
            default=0,
            min=0,
            max=MAX_STEPS,
            optional=True,
            advanced=True,
            tooltip="Sampling steps of the local model. 0 uses the recipe's own (of upstream: turbo 8, base 32, "
            "sft 50, version 1 60).",
        ),
        io.Float.Input(
            "guidance",
            default=0.0,
            min=0.0,
            max=MAX_GUIDANCE,
            step=0.1,
            optional=True,
            advanced=True,
            tooltip="How strictly the local model follows the tags. 0 uses the model's own recipe. turbo models run at "
            "1 only.",
        ),
        io.Float.Input(
            "max_cost_usd",
            default=1.0,
            min=0.0,
            max=MAX_COST_USD,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="A RunComfy run that is estimated above this many US dollars stops before anything is sent. 0 "
            "allows no paid run. A ceiling per prompt is kept with your account as well; the lower one wins.",
        ),
        io.String.Input(
            "resume_request_id",
            default="",
            optional=True,
            advanced=True,
            tooltip="Fetch this RunComfy request, already paid for, instead of buying a new one. Several ids are "
            "separated by commas; any id of a run stands for the whole run.",
        ),
        io.Model.Input(
            "model",
            optional=True,
            lazy=True,
            tooltip="An ACE-Step model to use instead of the one found in the model folders, for LoRA or quantised "
            "files. Only for backend local; not loaded otherwise.",
        ),
        io.Clip.Input(
            "clip",
            optional=True,
            lazy=True,
            tooltip="A text encoder to use instead of the one found in the model folders. Only for backend local; not "
            "loaded otherwise.",
        ),
        io.Vae.Input(
            "vae",
            optional=True,
            lazy=True,
            tooltip="A VAE to use instead of the one found in the model folders. Only for backend local; not loaded "
            "otherwise.",
        ),
    ]


def edit_optional() -> list:
    """What inpaint and outpaint may both be told, before the shared optional inputs."""
    return [
        io.Float.Input(
            "context_seconds",
            default=30.0,
            min=0.0,
            max=MAX_CONTEXT_SECONDS,
            step=1.0,
            optional=True,
            advanced=True,
            tooltip="Seconds of the source on each side that the model hears and that the result is aligned with. More "
            "follows the song better and takes longer; below 10 s seams get worse.",
        ),
        io.Float.Input(
            "crossfade_ms",
            default=30.0,
            min=0.0,
            max=MAX_CROSSFADE_MS,
            step=1.0,
            optional=True,
            advanced=True,
            tooltip="Length of the fade at each seam, in milliseconds, inside the new part. Raise it when a seam "
            "sounds abrupt; short ranges use at most a quarter of their length.",
        ),
        io.Boolean.Input(
            "match_loudness",
            default=True,
            optional=True,
            advanced=True,
            tooltip="Level the new part to its surroundings at each seam. Turn it off when the new part is meant to be "
            "louder or softer.",
        ),
    ]


def shared_appended() -> list:
    """What each rendering node may be told, after the sockets."""
    return [
        io.Combo.Input(
            "recipe",
            options=list(RECIPES),
            default="upstream",
            optional=True,
            advanced=True,
            tooltip="Whose settings the local model runs with. upstream: those of ACE-Step's own program. comfyui: "
            "those of the official ComfyUI template of that model.",
        ),
    ]


def generate_appended() -> list:
    """What generate may be told, after what all may be."""
    return [
        io.Combo.Input(
            "planning",
            options=list(PLANNINGS),
            default="auto",
            optional=True,
            advanced=True,
            tooltip="Whether the language model plans the music before it is made, which sings better and takes "
            "longer. auto is on. off leaves it out and needs no language model. Only for backend local with version "
            "1.5.",
        ),
        io.Audio.Input(
            "reference",
            optional=True,
            lazy=True,
            advanced=True,
            tooltip="Another sound, for its timbre or to make a cover of. Only for backend local with version 1.5; "
            "refused elsewhere before anything is spent.",
        ),
        io.Combo.Input(
            "reference_use",
            options=list(REFERENCE_USES),
            default="timbre",
            optional=True,
            advanced=True,
            tooltip="What reference is for. timbre: new music that sounds like its first 30 s. cover: its music, "
            "played as the tags say.",
        ),
        io.Float.Input(
            "reference_strength",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="How closely a cover follows reference: the part of the steps that hear it. Without effect on "
            "timbre.",
        ),
        io.Float.Input(
            "variation",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="How far the noise is turned from seed toward variation_seed: 0 not at all, 0.1 to 0.3 gives other "
            "takes of the same piece, 1 another piece. Only for backend local.",
        ),
        io.Int.Input(
            "variation_seed",
            default=0,
            min=0,
            max=MAX_SEED,
            optional=True,
            advanced=True,
            tooltip="What variation turns toward. Of several takes each has the next number.",
        ),
    ]


def edit_appended() -> list:
    """What inpaint and outpaint may both be told, after what all may be."""
    return [
        io.Combo.Input(
            "surroundings",
            options=list(SURROUNDINGS),
            default="hold",
            optional=True,
            advanced=True,
            tooltip="How firmly what is kept holds the new part while it is made. hold: throughout. balanced: for the "
            "first half of the steps. free: not at all. What is kept stays bit for bit in any case. Only for backend "
            "local with version 1.5.",
        ),
        io.Boolean.Input(
            "loop",
            default=False,
            optional=True,
            advanced=True,
            tooltip="The track is a loop: its end is followed by its start. A range may touch or cross the end, and "
            "what Outpaint adds after the track leads back to its start.",
        ),
        io.Combo.Input(
            "keep",
            options=list(KEEPS),
            default="all",
            optional=True,
            advanced=True,
            tooltip="Of several takes, hand on all, or for each source only the one with the best seams. The report "
            "lists them all.",
        ),
    ]


def rendering_outputs() -> list:
    """The two outputs of each rendering node."""
    return [
        io.Audio.Output("audio", display_name="audio", tooltip="The result; a batch when there are several takes."),
        io.String.Output(
            "report",
            display_name="report",
            tooltip="JSON: backend, model, seeds, request ids, cost, windows, seam measurements, warnings and timings.",
        ),
    ]
