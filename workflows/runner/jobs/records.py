"""What a batch has made, on disk: the sounds under their names and `manifest.jsonl`, whole after any end.

A finished sound lies under a name of its own kind, and is on the disk, before its record is; it gets its job's name
after that. So whatever moment the process or the machine ends at, a sound with a record is found again by its hash,
and one without was never said to be finished. While jobs run the manifest only grows, a line a job; when a batch begins
and ends it is written anew. Of an identity the last line counts, and a line that was cut off is none.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .. import pack  # noqa: F401  (makes the import below possible)
from ..errors import Unavailable
from .graphs import Job, sha256

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.backends.runcomfy.answers import REQUEST_ID

MANIFEST = "manifest.jsonl"
EARLIER = "earlier"
DONE, FAILED = "done", "failed"
_UNFINISHED = ".unfinished-"

Record = dict


def paid_usd(record: Record) -> tuple[float, bool]:
    """(US dollars for the sounds of a job, whether an estimate stands for what RunComfy did not report)."""
    if not record.get("request_ids"):
        return 0.0, False
    if record.get("cost_usd") is not None:
        return record["cost_usd"], False
    estimate = record.get("estimate_usd") or 0.0  # none for a deployment, which bills its time
    return estimate, estimate > 0


def in_dollars(paid: Iterable[tuple[float, bool]]) -> str:
    """What all of ``paid``, each as of paid_usd, come to; empty for nothing."""
    paid = list(paid)
    usd = sum(each for each, _ in paid)
    about = "about " if any(estimated for _, estimated in paid) else ""
    return f"{about}${usd:.4f}" if usd else ""


class Records:
    """The records of one output folder, by identity. Raises Unavailable where the disk does not do."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._by_identity: dict[str, Record] = {}
        with self.telling():
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / MANIFEST).exists():
                self._read((folder / MANIFEST).read_bytes())

    def __iter__(self) -> Iterator[Record]:
        """All of them, also those of jobs that are no longer asked for."""
        return iter(self._by_identity.values())

    def of(self, job: Job) -> Record | None:
        return self._by_identity.get(job.identity)

    def is_done(self, job: Job) -> bool:
        record = self.of(job)
        return record is not None and record["state"] == DONE

    def reconcile(self, jobs: Sequence[Job]) -> None:
        """Find what is finished of these jobs by its hash, and put each sound under the name that its job has now.

        What was missing and is there again is finished again.
        """
        asked = {job.identity: job for job in jobs}
        with self.telling():
            waiting = []
            for identity, record in self._by_identity.items():
                if identity not in asked or not record["files"]:
                    continue
                paths = [self._found(record, number) for number in range(len(record["files"]))]
                if None in paths:
                    if record["state"] == DONE:
                        record |= {"state": FAILED, "kind": "FileMissing", "error": "Its file is no longer there."}
                    continue
                record["state"] = DONE
                for told in ("kind", "error"):
                    record.pop(told, None)
                self._name(record, asked[identity])
                for number, path in enumerate(paths):
                    if path != self.folder / record["files"][number]["file"]:
                        path.replace(self._aside(record, number))  # so that two jobs can change their names
                        waiting.append((record, number))
            # The new names are on record before a sound has one: whatever names the next run asks for, it is found.
            self.write(jobs)
            for record, number in waiting:
                self._settle(record, number)
            self._clear()

    def bring(self, job: Job, sounds: Sequence[Path]) -> list[dict]:
        """Copy the sounds of a job here, out of sight; what `finished` takes as its files."""
        files = []
        with self.telling():
            for number, source in enumerate(sounds):
                entry = {"file": _file_name(job, number, len(sounds), source.suffix)}
                aside = self._aside({"id": job.identity, "files": [entry] * (number + 1)}, number)
                digest = hashlib.sha256()
                with source.open("rb") as reading, aside.open("wb") as writing:
                    while block := reading.read(1 << 20):
                        digest.update(block)
                        writing.write(block)
                    writing.flush()
                    os.fsync(writing.fileno())
                files.append(entry | {"sha256": digest.hexdigest(), "bytes": source.stat().st_size})
            _sync_folder(self.folder)
        return files

    def add(self, job: Job, record: Record) -> None:
        """Record how a job ended; the files of one that is done get their names, one that failed may have had some."""
        record = {"id": job.identity, "name": job.name, "line": job.line, "inputs": job.inputs, "files": []} | record
        with self.telling():
            with (self.folder / MANIFEST).open("ab") as file:
                file.write(_line(record))
                file.flush()
                os.fsync(file.fileno())
            self._by_identity[job.identity] = record
            if record["state"] == DONE:
                for number in range(len(record["files"])):
                    self._settle(record, number)

    def write(self, jobs: Sequence[Job]) -> None:
        """Write the manifest anew: the records of these jobs in order, then those of no job (`asked` is false)."""
        order = {job.identity: index for index, job in enumerate(jobs)}
        records = sorted(self._by_identity.values(), key=lambda record: order.get(record["id"], len(order)))
        lines = (_line(record | {"asked": record["id"] in order}) for record in records)
        with self.telling():
            write_whole(self.folder / MANIFEST, b"".join(lines))

    def _read(self, data: bytes) -> None:
        lines = data.split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                sound = all(map(_is_entry, record["files"])) and all(map(_is_id, record.get("request_ids", ())))
                if record["state"] not in (DONE, FAILED) or not sound:
                    raise ValueError
                self._by_identity[record["id"]] = record
            except (ValueError, KeyError, TypeError, RecursionError):
                if number == len(lines):  # cut off while it was written
                    continue
                raise Unavailable(
                    f"{self.folder / MANIFEST}, line {number} cannot be read, and the file says what is rendered and "
                    "paid for. Restore it, or move the folder away to begin anew."
                ) from None

    # Where the sounds of a record are

    def _aside(self, record: Record, number: int) -> Path:
        return self.folder / f"{_UNFINISHED}{record['id']}-{number}{Path(record['files'][number]['file']).suffix}"

    def _earlier(self, path: Path, digest: str) -> Path:
        return self.folder / EARLIER / f"{path.stem}~{digest[:8]}{path.suffix}"

    def _found(self, record: Record, number: int) -> Path | None:
        """Where that sound of a record lies, told by its content: the renaming may have been cut off anywhere."""
        entry = record["files"][number]
        named = self.folder / entry["file"]
        for path in (named, self._aside(record, number), self._earlier(named, entry["sha256"])):
            if path.is_file() and path.stat().st_size == entry["bytes"] and _digest(path) == entry["sha256"]:
                return path
        return None

    def _name(self, record: Record, job: Job) -> None:
        record["name"], record["line"] = job.name, job.line
        for number, entry in enumerate(record["files"]):
            entry["file"] = _file_name(job, number, len(record["files"]), Path(entry["file"]).suffix)

    def _settle(self, record: Record, number: int) -> None:
        """From out of sight to the sound's name. What has that name is of no job any more, and is kept as earlier."""
        path = self.folder / record["files"][number]["file"]
        if path.exists():
            moved = self._earlier(path, _digest(path))
            moved.parent.mkdir(exist_ok=True)
            path.replace(moved)
        self._aside(record, number).replace(path)
        _sync_folder(self.folder)

    def _clear(self) -> None:
        """Remove what was brought and never recorded."""
        kept = {
            self._aside(record, number)
            for record in self._by_identity.values()
            for number in range(len(record["files"]))
        }
        for path in set(self.folder.glob(f"{_UNFINISHED}*")) - kept:
            path.unlink()

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Turn what the disk refuses into a sentence. Raises Unavailable."""
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"{self.folder} cannot be written ({error.strerror}): make room there and run the same command again; "
                "it goes on where it was, and nothing is rendered or paid twice."
            ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file so that at any moment either the old or the new one stands there, whole."""
    aside = path.with_name(f"{_UNFINISHED}{path.name}")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync_folder(path.parent)


def _file_name(job: Job, number: int, count: int, suffix: str) -> str:
    """`name.flac`, or of several `name~1.flac` …, which no other job's name can be."""
    return f"{job.name}~{number + 1}{suffix}" if count > 1 else f"{job.name}{suffix}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return sha256(file)


def _is_entry(entry: dict) -> bool:
    name = entry["file"]
    plain = isinstance(name, str) and name == Path(name).name and name not in ("", ".", "..") and "\\" not in name
    return plain and isinstance(entry["sha256"], str) and isinstance(entry["bytes"], int)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and REQUEST_ID.fullmatch(value) is not None


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
