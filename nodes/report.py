"""The report of a run: JSON with fixed keys, the same for every backend."""

import json

SCHEMA = 1


def build(
    *, backend, version, model, seeds, estimate_usd=None, request_ids=(), cost_usd=None, windows=(), seams=(),
    warnings=(), timings=None,
) -> dict:  # fmt: skip
    """The report as a dictionary. Costs are in US dollars, timings in seconds, times in seconds of the output."""
    return {
        "schema": SCHEMA,
        "backend": backend,
        "version": version,
        "model": model,
        "seeds": list(seeds),
        "request_ids": list(request_ids),
        "cost_usd": cost_usd,
        "estimate_usd": estimate_usd,
        "windows": list(windows),
        "seams": list(seams),
        "warnings": list(dict.fromkeys(warnings)),
        "timings": dict(timings or {}),
    }


def to_json(report: dict) -> str:
    """The report as text. A NaN in it is a defect, so it raises ValueError instead of writing broken JSON."""
    return json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
