"""The input schemas of the four hosted models, and the little of JSON Schema that they use."""

_TAGS = {"type": "string", "minLength": 1}
_LYRICS = {"type": "string"}
_SEED = {"type": "integer", "minimum": -1, "maximum": 2147483647}
_AUDIO = {"type": "string"}


def _seconds(low: float, high: float) -> dict:
    return {"type": "number", "minimum": low, "maximum": high}


_ANCHOR = {"type": "string", "enum": ["start", "end"]}
_TEXT_TO_AUDIO = {
    "required": ["tags"],
    "properties": {
        "tags": _TAGS,
        "lyrics": _LYRICS,
        "duration": {"type": "integer", "minimum": 5, "maximum": 240},
        "seed": _SEED,
    },
}

SCHEMAS = {
    "acestep-ai/ace-step/text-to-audio": _TEXT_TO_AUDIO,
    "acestep-ai/ace-step-1.5/text-to-audio": _TEXT_TO_AUDIO,
    "acestep-ai/ace-step/audio-inpaint": {
        "required": ["audio", "tags"],
        "properties": {
            "audio": _AUDIO,
            "tags": _TAGS,
            "start_time": _seconds(0, 240),
            "start_time_relative_to": _ANCHOR,
            "end_time": _seconds(0, 240),
            "end_time_relative_to": _ANCHOR,
            "lyrics": _LYRICS,
            "seed": _SEED,
        },
    },
    "acestep-ai/ace-step/audio-outpaint": {
        "required": ["audio", "tags"],
        "properties": {
            "audio": _AUDIO,
            "tags": _TAGS,
            "extend_before_duration": _seconds(0, 240),
            "extend_after_duration": _seconds(0, 240),
            "lyrics": _LYRICS,
            "seed": _SEED,
        },
    },
}

DEFAULTS = {
    "lyrics": "",
    "duration": 60,
    "seed": -1,
    "start_time": 0,
    "start_time_relative_to": "start",
    "end_time": 30,
    "end_time_relative_to": "start",
    "extend_before_duration": 0,
    "extend_after_duration": 30,
}

_TYPES = {"string": str, "integer": int, "number": (int, float)}


def problems(model: str, body) -> list[str]:
    """What keeps ``body`` from being a valid input of ``model``; empty when it is one."""
    if not isinstance(body, dict):
        return ["the body must be an object"]
    schema = SCHEMAS[model]
    found = [f"{name} is required" for name in schema["required"] if name not in body]
    for name, value in body.items():
        rule = schema["properties"].get(name)
        found += [f"{name} is not allowed"] if rule is None else _value_problems(name, value, rule)
    return found


def _value_problems(name: str, value, rule: dict) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, _TYPES[rule["type"]]):
        return [f"{name} must be a {rule['type']}"]
    if len(value) < rule["minLength"] if "minLength" in rule else False:
        return [f"{name} is too short"]
    if "enum" in rule and value not in rule["enum"]:
        return [f"{name} must be one of {rule['enum']}"]
    if "minimum" in rule and not rule["minimum"] <= value <= rule["maximum"]:
        return [f"{name} must be from {rule['minimum']} to {rule['maximum']}"]
    return []
