"""API graphs for tests: nodes with every required widget filled in, so that a test names only what it is about."""

SHARED = {
    "tags": "jazz, piano, 120 BPM",
    "lyrics": "[inst]",
    "seed": 3,
    "version": "auto",
    "backend": "sketch",
    "batch_size": 1,
}


def node(class_type, **inputs):
    return {"class_type": class_type, "inputs": inputs}


def generate(**inputs):
    return node("ACEStepGenerate", **{"duration": 5, **SHARED, **inputs})


def inpaint(audio, time_range, **inputs):
    return node("ACEStepInpaint", **{"audio": audio, "time_range": time_range, **SHARED, **inputs})


def outpaint(audio, **inputs):
    durations = {"extend_before_duration": 0.0, "extend_after_duration": 2.0}
    return node("ACEStepOutpaint", **{"audio": audio, **durations, **SHARED, **inputs})


def time_range(start, end, start_anchor="start", end_anchor="start", **inputs):
    return node(
        "TimeRange",
        start_time=start,
        start_time_relative_to=start_anchor,
        end_time=end,
        end_time_relative_to=end_anchor,
        **inputs,
    )


def tag_builder(**inputs):
    texts = dict.fromkeys(("genre", "mood", "instruments", "vocals", "extra"), "")
    choices = dict.fromkeys(("key", "time_signature", "language"), "none")
    return node("TagBuilder", **{**texts, "bpm": 0, **choices, "instrumental": False, **inputs})


def load(file):
    return node("ProbeLoadTensor", file=file)


def save(audio, file):
    return node("ProbeSaveTensor", audio=audio, file=file)


def show(source):
    return node("PreviewAny", source=source)
