"""The public contract, written out by hand: ids, inputs, order, types, defaults, ranges and outputs.

Names, types, order and defaults are kept for ever once released. A change here is a change to other
people's saved workflows; new inputs come at the end and are optional.
"""

import pytest

LANGUAGES = (
    "ar az bg bn ca cs da de el en es fa fi fr he hi hr ht hu id is it ja ko la lt ms ne nl no pa pl pt ro ru sa "
    "sk sr sv sw ta te th tl tr uk ur vi yue zh unknown"
).split()
ROOTS = "C C# Db D D# Eb E F F# Gb G G# Ab A A# Bb B".split()
KEYS = [f"{root} major" for root in ROOTS] + [f"{root} minor" for root in ROOTS]


def text(default=None, multiline=False):
    return ("STRING", {"multiline": multiline} | ({} if default is None else {"default": default}))


def number(kind, default, low, high, **more):
    return (kind, {"default": default, "min": low, "max": high, **more})


def combo(default, *options):
    return ("COMBO", {"default": default, "options": list(options)})


def advanced(entry):
    return (entry[0], entry[1] | {"advanced": True})


SHARED_REQUIRED = {
    "tags": text(multiline=True),
    "lyrics": text("", multiline=True),
    "seed": number("INT", 0, -1, 2147483647, control_after_generate="fixed"),
    "version": combo("auto", "auto", "ace-step-1.5", "ace-step"),
    "backend": combo("auto", "auto", "local", "runcomfy", "sketch"),
    "batch_size": number("INT", 1, 1, 16),
}
SHARED_OPTIONAL = {
    "language": advanced(combo("auto", "auto", *LANGUAGES)),
    "variant": advanced(combo("auto", "auto", "turbo", "base", "sft", "xl_turbo", "xl_base", "xl_sft")),
    "steps": advanced(number("INT", 0, 0, 200)),
    "guidance": advanced(number("FLOAT", 0.0, 0.0, 30.0)),
    "max_cost_usd": advanced(number("FLOAT", 1.0, 0.0, 1000.0)),
    "resume_request_id": advanced(text("")),
    "model": ("MODEL", {"lazy": True}),
    "clip": ("CLIP", {"lazy": True}),
    "vae": ("VAE", {"lazy": True}),
}
EDIT_OPTIONAL = {
    "context_seconds": advanced(number("FLOAT", 30.0, 0.0, 120.0)),
    "crossfade_ms": advanced(number("FLOAT", 30.0, 0.0, 1000.0)),
    "match_loudness": advanced(("BOOLEAN", {"default": True})),
}
SHARED_APPENDED = {"recipe": advanced(combo("upstream", "upstream", "comfyui"))}
GENERATE_APPENDED = {
    **SHARED_APPENDED,
    "planning": advanced(combo("auto", "auto", "on", "off")),
    "reference": advanced(("AUDIO", {"lazy": True})),
    "reference_use": advanced(combo("timbre", "timbre", "cover")),
    "reference_strength": advanced(number("FLOAT", 1.0, 0.0, 1.0)),
    "variation": advanced(number("FLOAT", 0.0, 0.0, 1.0)),
    "variation_seed": advanced(number("INT", 0, 0, 2147483647)),
}
EDIT_APPENDED = {
    **SHARED_APPENDED,
    "surroundings": advanced(combo("hold", "hold", "balanced", "free")),
    "loop": advanced(("BOOLEAN", {"default": False})),
    "keep": advanced(combo("all", "all", "best")),
}
RENDERED = [("AUDIO", "audio"), ("STRING", "report")]
SECONDS = {"step": 0.01, "round": 0.000001}
ANCHOR = combo("start", "start", "end")

CONTRACT = {
    "ACEStepGenerate": (
        {"duration": number("INT", 60, 5, 600), **SHARED_REQUIRED},
        {**SHARED_OPTIONAL, **GENERATE_APPENDED},
        RENDERED,
    ),
    "ACEStepInpaint": (
        {"audio": ("AUDIO", {}), "time_range": ("TIME_RANGE", {}), **SHARED_REQUIRED},
        {"strength": advanced(number("FLOAT", 1.0, 0.0, 1.0)), **EDIT_OPTIONAL, **SHARED_OPTIONAL, **EDIT_APPENDED},
        RENDERED,
    ),
    "ACEStepOutpaint": (
        {
            "audio": ("AUDIO", {}),
            "extend_before_duration": number("FLOAT", 0.0, 0.0, 240.0),
            "extend_after_duration": number("FLOAT", 30.0, 0.0, 240.0),
            **SHARED_REQUIRED,
        },
        {**EDIT_OPTIONAL, **SHARED_OPTIONAL, **EDIT_APPENDED},
        RENDERED,
    ),
    "TimeRange": (
        {
            "start_time": number("FLOAT", 0.0, 0.0, 3600.0, **SECONDS),
            "start_time_relative_to": ANCHOR,
            "end_time": number("FLOAT", 30.0, 0.0, 3600.0, **SECONDS),
            "end_time_relative_to": ANCHOR,
        },
        {
            "audio": ("AUDIO", {}),
            "previous": ("TIME_RANGE", {}),
            "bpm": advanced(number("INT", 0, 0, 300)),
        },
        [("TIME_RANGE", "time_range"), ("FLOAT", "start"), ("FLOAT", "end")],
    ),
    "TagBuilder": (
        {
            **{name: text("") for name in ("genre", "mood", "instruments", "vocals", "extra")},
            "bpm": number("INT", 0, 0, 300),
            "key": combo("none", "none", *KEYS),
            "time_signature": combo("none", "none", "2/4", "3/4", "4/4", "6/8"),
            "language": combo("none", "none", *LANGUAGES),
            "instrumental": ("BOOLEAN", {"default": False}),
        },
        {},
        [("STRING", "tags"), ("INT", "bpm")],
    ),
}
PINNED = ("default", "min", "max", "round", "options", "multiline", "advanced", "lazy", "control_after_generate")


@pytest.mark.server
@pytest.mark.parametrize("node", CONTRACT)
def test_the_server_offers_the_contract(comfyui, node):
    info = comfyui.client.get(f"/object_info/{node}")[node]
    required, optional, outputs = CONTRACT[node]
    for section, expected in (("required", required), ("optional", optional)):
        found = info["input"].get(section, {})
        assert list(found) == list(expected)
        for name, (kind, settings) in expected.items():
            assert found[name][0] == kind, name
            actual = {key: value for key, value in found[name][1].items() if key in PINNED}
            assert actual == {key: value for key, value in settings.items() if key in PINNED}, name
    assert list(zip(info["output"], info["output_name"])) == outputs
    assert info["category"] == "audio/ACE-Step"
    assert not info["api_node"] and not info["output_node"] and not info["deprecated"] and not info["experimental"]


@pytest.mark.server
@pytest.mark.parametrize("node", CONTRACT)
def test_everything_is_explained_and_found(comfyui, node):
    info = comfyui.client.get(f"/object_info/{node}")[node]
    for name, (_, settings) in (info["input"]["required"] | info["input"].get("optional", {})).items():
        tooltip = settings.get("tooltip", "")
        assert len(tooltip) > 20 and tooltip.endswith("."), f"{node}.{name}: {tooltip!r}"
    assert all(tooltip and tooltip.endswith(".") for tooltip in info["output_tooltips"])
    assert len(info["search_aliases"]) >= 5 and info["description"].endswith(".")
