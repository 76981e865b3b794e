"""The report of a run: JSON with fixed keys, the same for every backend."""

import json

from ..words.remarks import as_remark

SCHEMA = 1


def build(
    *, backend, version, model, seeds, estimate_usd=None, request_ids=(), cost_usd=None, windows=(), seams=(),
    warnings=(), timings=None, kept=(), recipe=None,
) -> dict:  # fmt: skip
    """The report as a dictionary. Costs are in US dollars, timings in seconds, times in seconds of the output.

    warnings: remarks or sentences; ``codes`` holds the same for a reader of another language. kept: one
    for each item of the AUDIO of an edit, saying which item and take it is. recipe: whose settings a local model ran
    with, None elsewhere.
    """
    remarks = list(dict.fromkeys(as_remark(said) for said in warnings))
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
        "warnings": [said.sentence() for said in remarks],
        "timings": dict(timings or {}),
        "codes": [said.as_dict() for said in remarks],
        "recipe": recipe,
        "kept": list(kept),
    }


def to_json(report: dict) -> str:
    """The report as text. A NaN in it is a defect, so it raises ValueError instead of writing broken JSON."""
    return json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1)
