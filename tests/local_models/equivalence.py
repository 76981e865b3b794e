"""How far the local backend's sampling is from the loops written out in ``loops``, on one ComfyUI tree.

    python equivalence.py TREE [SEED]

prints one JSON object: case → greatest absolute difference inside the edited spans. Those that begin with "template"
are songs with recipe comfyui beside the graphs of ComfyUI's own nodes, those with "diffusers" are beside its pipeline.
"""

import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from local_models import diffusers_pipeline, engine, loops, templates  # noqa: E402


def differences(seed: int) -> dict[str, float]:
    """Every case with random spans, lengths and latents drawn from ``seed``."""
    torch.manual_seed(seed)
    from local_models import session

    v15, v1 = session.v15(), session.v1()
    beside = {**templates.differences(v15, v1, seed), **diffusers_pipeline.differences(v15, seed)}
    return {**_v15(seed), **_v1(seed), **_edits(seed), **beside}


def _v15(seed: int) -> dict[str, float]:
    from acestep_nodes.nodes.backends.local import conditioning, v15
    from acestep_nodes.nodes.backends.local.noise import edit_noise
    from acestep_nodes.nodes.backends.local.recipe import TURBO, Correction, Recipe
    from acestep_nodes.nodes.backends.local.surroundings import Surroundings
    from acestep_nodes.nodes.request.progress import Progress

    from local_models import tiny

    model, clip = tiny.v15_model(), tiny.v15_clip()
    prompt = conditioning.Prompt("lo-fi, mellow", "[Verse]\nla la", "en", 12.0, bpm=75)
    positive = conditioning.encode_v15_repaint(clip, prompt, print)
    negative = conditioning.zeroed(positive)
    frames = int(torch.randint(128, 200, ()))
    source = torch.randn(1, 64, frames)
    a = int(torch.randint(20, 60, ()))
    spans = [(a, a + 31), (a + 45, a + 46)]
    inside = torch.zeros(1, 1, frames, dtype=torch.bool)
    for start, stop in spans:
        inside[..., start:stop] = True
    silence = v15.silence(max(frames, 750))
    shown = torch.where(inside, silence[..., :frames], source)
    net = loops.V15(model, positive, silence[..., :750], shown, inside.float())
    noise = edit_noise(source.shape, spans, seed)
    found = {}
    cases = [(ratio, 8, 1.0, 1.0) for ratio in (0.0, 0.5, 1.0)] + [(1.0, 5, 7.0, 1.0), (0.5, 7, 7.0, 1.0)]
    cases += [(1.0, 8, 1.0, 0.5), (1.0, 11, 7.0, 0.35)]
    for ratio, steps, scale, strength in cases:
        for correction in (Correction(0.0, 0.0), TURBO.correction):
            recipe = Recipe(steps, scale, correction)
            ours = v15.repaint(
                model, positive, negative, source=source, spans=spans, recipe=recipe,
                strength=strength, seed=seed, progress=Progress(), surroundings=Surroundings(ratio, 0),
            )  # fmt: skip
            begin, by = int(steps * (1 - strength)), (correction.low, correction.high)
            theirs = loops.v15_repaint(net, source, inside, noise, steps, scale, ratio, begin, by)
            name = (
                f"1.5 repaint, ratio {ratio:g}, {steps} steps, guidance {scale:g}, strength {strength:g}, DCW {by[0]:g}"
            )
            # At less than ratio 1 the network redraws what is around as well.
            found[name] = _greatest(ours, theirs, inside if ratio == 1.0 else torch.ones_like(inside))
            if ratio == 1.0:
                found[name + ", around"] = _greatest(ours, source, ~inside)
    return found | _v15_songs(model, clip, seed)


def _v15_songs(model, clip, seed: int) -> dict[str, float]:
    """Songs are repaints of everything without a source; of codes and no codes, even and odd numbers of frames."""
    from acestep_nodes.nodes.backends.local import conditioning, v15
    from acestep_nodes.nodes.backends.local.noise import plain_noise
    from acestep_nodes.nodes.backends.local.recipe import TURBO, Correction, Recipe
    from acestep_nodes.nodes.request.progress import Progress

    planned = Correction(low=0.02, high=0.06)
    prompt = conditioning.Prompt("lo-fi, mellow", "[Verse]\nla la", "en", 6.0, bpm=75)
    positive = conditioning.encode_v15_song(clip, prompt, seed, print)
    negative = conditioning.zeroed(positive)
    network, found = model.model.diffusion_model, {}
    codes = torch.tensor(positive[0][1]["audio_codes"])
    for frames, steps, scale, correction in (
        (150, 8, 1.0, TURBO.correction), (149, 8, 1.0, planned), (149, 9, 7.0, None), (133, 9, 7.0, planned),
    ):  # fmt: skip
        ours = v15.generate(
            model, positive, negative, frames=frames, recipe=Recipe(steps, scale, correction), seed=seed,
            progress=Progress(),
        )  # fmt: skip
        hints = network.detokenizer(network.tokenizer.quantizer.get_output_from_indices(codes, dtype=torch.float32))
        shown, everywhere = hints[:, :frames].movedim(1, 2), torch.ones(1, 1, frames)
        net = loops.V15(model, positive, v15.silence(750), shown, everywhere)
        by = (correction.low, correction.high) if correction else (0.0, 0.0)
        nothing, noise = torch.zeros_like(ours), plain_noise(ours.shape, seed)
        theirs = loops.v15_repaint(net, nothing, everywhere > 0, noise, steps, scale, correction=by)
        found[f"1.5 song, {frames} frames, guidance {scale:g}, DCW {by}"] = _greatest(ours, theirs, everywhere)
    return found


def _v1(seed: int) -> dict[str, float]:
    from acestep_nodes.nodes.backends.local import conditioning, v1
    from acestep_nodes.nodes.backends.local.noise import edit_noise, plain_noise
    from acestep_nodes.nodes.backends.local.recipe import Recipe
    from acestep_nodes.nodes.request.progress import Progress

    from local_models import tiny

    model, clip = tiny.v1_model(), tiny.v1_clip()
    positive = conditioning.encode_v1(clip, "lo-fi, mellow", "[Verse]\nla la", print)
    negative = conditioning.zeroed(positive)
    frames = int(torch.randint(60, 100, ()))
    source = torch.randn(1, 8, 16, frames)
    a = int(torch.randint(10, 40, ()))
    spans = [(a, a + 25)]
    inside = torch.zeros(1, 1, 1, frames, dtype=torch.bool)
    inside[..., a : a + 25] = True
    net = loops.V1(model, positive)
    noise_a, noise_b = (edit_noise(source.shape, spans, seed, variance) for variance in (0.0, 1.0))
    found = {}
    for steps, scale, strength in ((10, 15.0, 0.8), (10, 15.0, 1.0), (13, 15.0, 0.8), (12, 4.0, 0.2)):
        ours = v1.repaint(
            model, positive, negative, source=source, spans=spans, recipe=Recipe(steps, scale),
            strength=strength, seed=seed, progress=Progress(),
        )  # fmt: skip
        theirs = loops.v1_repaint(net, source, inside, noise_a, noise_b, steps, scale, strength)
        name = f"v1 repaint, {steps} steps, guidance {scale:g}, strength {strength:g}"
        found[name] = _greatest(ours, theirs, inside)
        found[name + ", around"] = _greatest(ours, source, ~inside)
    ours = v1.generate(
        model, positive, negative, frames=frames, recipe=Recipe(10, 15.0), seed=seed, progress=Progress()
    )
    theirs = loops.v1_song(net, plain_noise(ours.shape, seed), 10, 15.0)
    found["v1 song, 10 steps, guidance 15"] = _greatest(ours, theirs, torch.ones_like(inside))
    return found


def _edits(seed: int) -> dict[str, float]:
    """Whole edits through the backend: the same twice, and nothing left on the network."""
    from local_models import session, tiny

    found = {}
    for family, more in (("v15", {}), ("v1", {"steps": 3})):
        parts = session.Parts(*(getattr(tiny, f"{family}_{part}")() for part in ("model", "clip", "vae")))
        attributes, window = set(vars(parts.network)), session.sound(4.0)
        once, again = (session.inpaint(parts, window, (1.0, 2.0), seed=seed, **more)[0].waveform for _ in range(2))
        found[f"{family} edit, twice"] = float((once - again).abs().max())
        longer, _ = session.outpaint(parts, window, 0.5, 1.0, seed=seed, **more)
        found[f"{family} edit, samples missing"] = abs(longer.samples - round(5.5 * longer.sample_rate))
        found[f"{family} edit, attributes left"] = float(len(set(vars(parts.network)) ^ attributes))
    return found


def _greatest(a, b, where) -> float:
    return float(((a - b).abs() * where).max())


if __name__ == "__main__":
    engine.start(sys.argv[1])
    result = differences(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
    print(json.dumps(result, indent=1))
