"""`index.html` of a batch: one page, without anything beside it but the sounds, to listen to them all from disk."""

import html
import json
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from .graphs import Job
from .records import DONE, Records, in_dollars, paid_usd, write_whole

PAGE = "index.html"
_HEIGHT = 40
_TEMPLATE = Path(__file__).with_name("page.html")


def write(jobs: Iterable[Job], records: Records, title: str) -> None:
    """Write the page anew. Raises Unavailable."""
    with records.telling():
        write_whole(records.folder / PAGE, page(list(jobs), records, title).encode())


def page(jobs: list[Job], records: Records, title: str) -> str:
    found = [(job, records.of(job) or {}) for job in jobs]
    done = sum(record.get("state") == DONE for _, record in found)
    failed = sum(record.get("state") not in (DONE, None) for _, record in found)
    cost = in_dollars(paid_usd(record) for _, record in found)
    perhaps = sum(record.get("may_have_cost_usd", 0) for _, record in found)
    words = [f"{done} of {len(jobs)} done"]
    words += [f"{failed} failed"] if failed else []
    words += [f"{len(jobs) - done - failed} to do"] if done + failed < len(jobs) else []
    words += [cost] if cost else []
    words += [f"perhaps ${perhaps:.4f} more for requests that gave no sound"] if perhaps else []
    parts = {
        "title": _text(title),
        "summary": _text(", ".join(words)),
        "written": _text(time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        "jobs": "\n".join(_job(job, record) for job, record in found),
    }
    made = _TEMPLATE.read_text(encoding="utf-8")
    before = made.split("<!--")
    return before[0] + "".join(parts[name] + rest for name, _, rest in (each.partition("-->") for each in before[1:]))


def _job(job: Job, record: dict) -> str:
    state = record.get("state", "to do")
    facts = [record.get("model"), f"seed {', '.join(map(str, seeds))}" if (seeds := record.get("seeds")) else None]
    facts += [in_dollars([paid_usd(record)])]
    facts += [f"perhaps ${perhaps:.4f} more" if (perhaps := record.get("may_have_cost_usd")) else None]
    facts += [f"rendered in {took:g} s" if (took := record.get("took_seconds")) is not None else None]
    sounds = "".join(_sound(job.name, entry) for entry in record.get("files", []) if state == DONE)
    remarks = [*_poor_seams(record), *record.get("warnings", [])] if state == DONE else []
    settings = "".join(f"<dt>{_text(key)}</dt><dd>{_text(_shown(value))}</dd>" for key, value in job.inputs.items())
    said = "".join(f"<li>{_text(remark)}</li>" for remark in remarks)
    return (
        f'<li class="job" data-state="{"failed" if state == "failed" else "done" if state == DONE else "open"}">'
        f"<h2>{_text(job.name)}</h2>"
        f'<p class="tags">{_text(_tags(job))}</p>'
        f"{sounds}"
        + (f'<p class="problem">Failed. {_text(record.get("error", ""))}</p>' if state == "failed" else "")
        + ('<p class="facts">Not rendered yet.</p>' if not record else "")
        + f'<p class="facts">{_text(" · ".join(str(fact) for fact in facts if fact))}</p>'
        + (f'<ul class="remarks">{said}</ul>' if said else "")
        + f"<details><summary>Inputs of line {job.line}</summary><dl>{settings}</dl></details></li>"
    )


def _sound(name: str, entry: dict) -> str:
    address = _text(quote(entry["file"]))
    levels = entry.get("waveform") or [0]
    bars = "".join(
        f"M{x} {_HEIGHT / 2 - height:g}v{2 * height:g}"
        for x, level in enumerate(levels)
        if (height := max(0.5, min(100, level) * _HEIGHT / 200))
    )
    label = _text(f"{name}, {entry.get('seconds', 0):.1f} s")
    return (
        f'<figure><svg viewBox="0 0 {len(levels)} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="wave" d="{bars}"/><path class="heard" d="{bars}"/></svg>'
        f'<audio controls preload="none" src="{address}" aria-label="{label}"></audio></figure>'
    )


def _tags(job: Job) -> str:
    texts = (node["inputs"].get("tags") for node in (*job.graph.values(), *job.overrides.values()))
    return " / ".join(dict.fromkeys(text for text in texts if isinstance(text, str)))


def _poor_seams(record: dict) -> list[str]:
    return [
        f"The seam at {seam.get('time_seconds', 0):.2f} s is {seam['verdict']}."
        for seam in record.get("seams", [])
        if seam.get("verdict") not in (None, "good")
    ]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)
