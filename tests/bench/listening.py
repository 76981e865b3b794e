"""What only ears can tell about the local models, rendered on a machine with weights for a blind comparison.

    python3 tests/run.py tests/bench/listening.py --out FOLDER [--comfyui TREE] [--models FOLDER] [--track FILE]
        [--seeds 3] [--seconds 40] [--only TEXT] [--small]

Each question is a song, a repaired range or an extension, made in two or more ways from the same seeds. FOLDER gets the
sounds, named so that nothing tells which is which, and index.html, which plays them in step with each other, keeps the
answers and only then names the ways. A table says what each way took. Songs are brought to one loudness for each seed;
of edits the track is the same in all of them. --models is a folder such as ComfyUI's models; --track a piece to edit,
else a song is made for it. A way whose model is not installed is left out and said. --small tries it with the small
models.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pinned  # noqa: E402
from local_models import engine, session  # noqa: E402

PAGE = Path(__file__).with_name("listening.html")
TEXT = {
    "tags": "indie pop, clean guitar, piano, bass, tight drums, female vocals, 120 BPM, C major, 4/4",
    "lyrics": "[Verse]\nMorning on the ridge, the sun is rising\nDust on the boots, the road is ours\n"
    "[Chorus]\nWe rise, we run, we never fade out\nWe rise, we run, we sing it loud",
    "language": "en",
}
NODE = {"node": "listening", "version": "auto", "backend": "local", "batch_size": 1, "variant": "turbo"}
PEAK = 0.98


@dataclass(frozen=True)
class Way:
    """inputs: of the node. around: what no input of a node changes, for the time of a run."""

    inputs: dict = field(default_factory=dict)
    around: Callable[[], AbstractContextManager] = nullcontext


@dataclass(frozen=True)
class Question:
    """kind: song, repair (10 s in the middle, of a short track a third) or extension (10 s at the end)."""

    words: str
    kind: str
    ways: dict[str, Way]


def questions() -> list[Question]:
    """Imported late, as the pack's engine needs ComfyUI's."""
    from acestep_nodes.nodes.backends.local import conditioning, recipe, v15
    from acestep_nodes.nodes.backends.local.correction import Correction

    def corrected(correction):
        def make(own):
            return lambda chosen, planned: replace(own(chosen, planned), correction=correction)

        return lambda: session.replaced(recipe, "_upstream", make)

    def at_shift(shift):
        return lambda: session.replaced(v15, "v15_sigmas", lambda own: lambda steps, _: own(steps, shift))

    def asked_for_a_cover():
        return session.replaced(conditioning, "REPAINT_INSTRUCTION", lambda _: conditioning.COVER_INSTRUCTION)

    def noise_for_silence():
        generator = torch.Generator().manual_seed(0)
        return session.replaced(v15, "silence", lambda _: lambda n: torch.randn(1, 64, n, generator=generator))

    plain = Way()
    by_variant = {name: Way({"variant": name}) for name in ("turbo", "base", "sft", "xl_turbo", "xl_base", "xl_sft")}
    return [
        Question("Whose recipe makes the better song?", "song", _of("recipe", "upstream", "comfyui")),
        Question("Which model makes the better song?", "song", by_variant),
        Question("Does a song gain from being planned?", "song", _of("planning", "on", "off")),
        Question(
            "Does turbo gain from the correction after each step?",
            "song",
            {"corrected": plain, "not corrected": Way(around=corrected(None))},
        ),
        Question(
            "Does base suffer from the correction?",
            "song",
            {
                "corrected": Way({"variant": "base"}, corrected(Correction(0.05, 0.02))),
                "not corrected": Way({"variant": "base"}),
            },
        ),
        *(
            Question(
                f"Which shift suits {name}?",
                "song",
                {"shift 3": Way({"variant": name}), "shift 1": Way({"variant": name}, at_shift(1.0))},
            )
            for name in ("base", "sft")
        ),
        Question(
            "How firmly should what is kept hold the new part?",
            "repair",
            _of("surroundings", "hold", "balanced", "free"),
        ),
        Question(
            "Which instruction makes the better repair?",
            "repair",
            {"repaint": plain, "cover": Way(around=asked_for_a_cover)},
        ),
        Question("Which model makes the better repair?", "repair", {k: by_variant[k] for k in ("turbo", "base")}),
        Question("How much context does a repair need?", "repair", _of("context_seconds", 10, 30, 60)),
        Question(
            "What should an extension be shown in the place of what is to come?",
            "extension",
            {"silence": plain, "noise": Way(around=noise_for_silence)},
        ),
    ]


def _of(name: str, *values) -> dict[str, Way]:
    return {f"{name} {value}": Way({name: value}) for value in values}


class Studio:
    """Renders; parts: small models to use, else what is installed."""

    def __init__(self, given: argparse.Namespace):
        self._seconds, self._more = given.seconds, {}
        # A range in it has the longest context asked about on both sides.
        self._track_seconds = given.seconds if given.small else max(given.seconds, 140)
        if given.small:
            parts = session.v15()
            self._more = {"model": parts.model, "clip": parts.clip, "vae": parts.vae, "steps": 2}
        self._track = self._read(given.track) if given.track else None

    def _read(self, path: str):
        from acestep_nodes.nodes.audio import codec
        from acestep_nodes.nodes.audio.value import audio_from_batch

        sound = codec.decode(Path(path).read_bytes())
        return audio_from_batch(sound.waveform.unsqueeze(0), sound.sample_rate)

    @property
    def track(self):
        """What is edited, as AUDIO."""
        if self._track is None:
            self._track = self._song({"seed": 1}, self._track_seconds)[0]
        return self._track

    def render(self, kind: str, way: Way, seed: int) -> tuple[object, dict]:
        """(AUDIO, report) of one way."""
        with way.around():
            return {"song": self._song, "repair": self._repair, "extension": self._extension}[kind](
                way.inputs | {"seed": seed}
            )

    def _song(self, inputs: dict, seconds: int | None = None):
        from acestep_nodes.nodes.request.requests import generate_request
        from acestep_nodes.nodes.run.rendering import render_generate

        return self._run(render_generate(generate_request(duration=seconds or self._seconds, **self._inputs(inputs))))

    def _repair(self, inputs: dict):
        from acestep_nodes.nodes.request.requests import inpaint_request
        from acestep_nodes.nodes.run.rendering import render_inpaint

        track = self.track
        seconds = track["waveform"].shape[-1] / track["sample_rate"]
        length = min(10.0, seconds / 3)
        here = (((seconds - length) / 2, "start", (seconds + length) / 2, "start"),)
        return self._run(render_inpaint(inpaint_request(**self._inputs(inputs)), track, here))

    def _extension(self, inputs: dict):
        from acestep_nodes.nodes.request.requests import outpaint_request
        from acestep_nodes.nodes.run.rendering import render_outpaint

        lengths = {"extend_before_duration": 0.0, "extend_after_duration": 10.0}
        return self._run(render_outpaint(outpaint_request(**lengths, **self._inputs(inputs)), self.track))

    def _inputs(self, inputs: dict) -> dict:
        return NODE | TEXT | self._more | inputs

    def _run(self, coroutine):
        with torch.inference_mode():
            return asyncio.run(coroutine)


def main() -> None:
    given = arguments()
    from acestep_nodes.nodes.errors import ACEStepError

    given.out.mkdir(parents=True, exist_ok=True)
    studio, shown, rows = Studio(given), [], []
    for number, question in enumerate(questions(), 1):
        if given.only.lower() not in question.words.lower():
            continue
        for seed in range(7, 7 + given.seeds):
            made = {}
            for name, way in question.ways.items():
                begun = time.perf_counter()
                try:
                    audio, report = studio.render(question.kind, way, seed)
                except ACEStepError as error:  # one way that cannot be had does not cost the others
                    rows.append([question.words, name, seed, "-", "-", str(error).splitlines()[0]])
                    continue
                made[name] = audio, report
                rows.append([question.words, name, seed, f"{time.perf_counter() - begun:.1f}", *_numbers(report)])
                print(f"{question.words} {name}, seed {seed}: {rows[-1][3]} s", flush=True)
            if len(made) > 1:
                shown.append(_asked(given.out, number, question, seed, made))
    page = PAGE.read_text(encoding="utf-8").replace("__QUESTIONS__", json.dumps(shown))
    (given.out / "index.html").write_text(page, encoding="utf-8")
    table = _table([["question", "way", "seed", "seconds", "worst seam", "said"], *rows])
    (given.out / "table.txt").write_text(table + "\n", encoding="utf-8")
    print(f"\n{table}\n\nOpen {given.out / 'index.html'}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the sounds and the page")
    parser.add_argument("--comfyui", default=os.environ.get("COMFYUI_PATH"), help="a ComfyUI tree; else the pinned one")
    parser.add_argument("--models", type=Path, help="a folder such as ComfyUI's models, besides the tree's own")
    parser.add_argument("--track", help="a sound file to repair and extend; else a song is made for it")
    parser.add_argument("--seeds", type=int, default=3, help="how often each question is asked")
    parser.add_argument("--seconds", type=int, default=40, help="length of the songs")
    parser.add_argument("--only", default="", help="only the questions that hold this text")
    parser.add_argument("--small", action="store_true", help="small models with random weights, on the CPU")
    given = parser.parse_args()
    engine.start(given.comfyui or str(pinned.tree()), cpu=given.small)
    if given.models:
        import folder_paths

        for folder in filter(Path.is_dir, given.models.iterdir()):
            folder_paths.add_model_folder_path(folder.name, str(folder))
    return given


def _asked(folder: Path, number: int, question: Question, seed: int, made: dict) -> dict:
    """What the page asks, its sounds written in an order that the names of the files do not tell."""
    names = list(made)
    random.Random(f"{number} {seed}").shuffle(names)
    gains = _to_one_loudness([made[name][0]["waveform"] for name in names]) if question.kind == "song" else None
    files = []
    for index, name in enumerate(names):
        audio, _ = made[name]
        file = f"{number:02}-{seed}-{index + 1}.flac"
        (folder / file).write_bytes(_flac(audio, gains[index] if gains else 1.0))
        files.append(file)
    key = base64.b64encode(json.dumps(names).encode()).decode()
    seams = sorted({round(seam["time_seconds"], 2) for _, report in made.values() for seam in report["seams"]})
    return {"id": f"{number}-{seed}", "words": question.words, "seed": seed, "files": files, "key": key, "seams": seams}


def _to_one_loudness(waveforms: list[torch.Tensor]) -> list[float]:
    """The gain of each at which all have the root mean square of the softest, and none goes beyond full scale."""
    levels = [float(each.square().mean().sqrt()) or 1.0 for each in waveforms]
    target = min(level * min(1.0, PEAK / float(each.abs().max())) for each, level in zip(waveforms, levels))
    return [target / level for level in levels]


def _flac(audio, gain: float) -> bytes:
    from acestep_nodes.nodes.audio import codec
    from acestep_nodes.nodes.audio.value import Sound

    return codec.encode_flac(Sound(audio["waveform"][0] * gain, audio["sample_rate"]))


def _numbers(report: dict) -> list[str]:
    worst = max((value for kept in report["kept"] for value in kept["excess"]["0"]), default=None)
    return ["-" if worst is None else f"{worst:.2f}", "; ".join(report["warnings"])[:90]]


def _table(rows: list[list]) -> str:
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in texts)


if __name__ == "__main__":
    main()
