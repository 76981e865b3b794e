"""How far songs with a reference or a variation, and edits with looser surroundings, are from the loops written out in
``loops``, on one ComfyUI tree.

    python songs.py TREE [SEED]

prints one JSON object: case → greatest absolute difference.
"""

import json
import math
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from local_models import engine, loops  # noqa: E402


def differences(seed: int) -> dict[str, float]:
    """Every case with random lengths and latents drawn from ``seed``."""
    torch.manual_seed(seed)
    return {**_songs(seed), **_surroundings(seed), **_v1(seed)}


def _songs(seed: int) -> dict[str, float]:
    from acestep_nodes.nodes.backends.local import conditioning, v15
    from acestep_nodes.nodes.backends.local.recipe import Recipe
    from acestep_nodes.nodes.request.progress import Progress

    from local_models import tiny

    model, clip = tiny.v15_model(), tiny.v15_clip()
    network = model.model.diffusion_model
    prompt = conditioning.Prompt("lo-fi, mellow", "[Verse]\nla la", "en", 6.0, bpm=75)
    frames = int(torch.randint(26, 33, ())) * 5 + 2
    silence, ones = v15.silence(max(frames, 750)), torch.ones(1, 1, frames)
    timbre, covered = torch.randn(1, 64, 750), torch.randn(1, 64, frames)
    song, cover = (
        conditioning.encode_v15_without_codes(clip, prompt, instruction, print)
        for instruction in (conditioning.SONG_INSTRUCTION, conditioning.COVER_INSTRUCTION)
    )
    codes = [[int(code) for code in torch.randint(0, 64000, (-(-frames // 5),))]]
    planned = [[cross, {**extra, "audio_codes": codes}] for cross, extra in song]
    noise, other = loops.noise_of(seed, (1, 64, frames)), loops.noise_of(seed + 99, (1, 64, frames))
    hints = loops.v15_tokenised(network, covered, silence)
    coded = network.detokenizer(network.tokenizer.quantizer.get_output_from_indices(torch.tensor(codes)))

    def ours(text, steps, scale, **more):
        return v15.generate(
            model, text, conditioning.zeroed(text), frames=frames, recipe=Recipe(steps, scale), seed=seed,
            progress=Progress(), **more,
        )  # fmt: skip

    def net(text, shown, reference=None):
        reference = silence if reference is None else reference
        return loops.V15(model, text, reference, shown, ones)

    plain = net(song, silence[..., :frames])
    found = {}

    def compare(name, made, theirs):
        found[name] = float((made - theirs).abs().max())

    for steps, scale in ((8, 1.0), (5, 7.0)):
        settings = f"{steps} steps, guidance {scale:g}"
        compare(
            f"unplanned, {settings}",
            ours(song, steps, scale, planned=False),
            loops.v15_song(lambda _: plain, noise, steps, scale),
        )
        voiced = net(song, silence[..., :frames], timbre)
        compare(
            f"unplanned with a timbre, {settings}",
            ours(song, steps, scale, planned=False, timbre=timbre),
            loops.v15_song(lambda _, net=voiced: net, noise, steps, scale),
        )
        voiced = net(planned, coded.movedim(1, 2)[..., :frames], timbre)
        compare(
            f"planned with a timbre, {settings}",
            ours(planned, steps, scale, timbre=timbre),
            loops.v15_song(lambda _, net=voiced: net, noise, steps, scale),
        )
        covering = net(cover, hints)
        for strength in (1.0, 0.6, 0.0):
            heard = int(steps * strength)
            compare(
                f"cover at strength {strength:g}, {settings}",
                ours(cover, steps, scale, planned=False, cover=v15.Cover(covered, strength, song[0][0])),
                loops.v15_song(lambda k, n=heard, net=covering: net if k < n else plain, noise, steps, scale),
            )
    for variation in (0.3, 1.0):
        angle = variation * math.pi / 2
        turned = math.cos(angle) * noise + math.sin(angle) * other
        compare(
            f"variation {variation:g}",
            ours(song, 8, 1.0, planned=False, variation=variation, variation_seed=seed + 99),
            loops.v15_song(lambda _: plain, turned, 8),
        )
    return found


def _surroundings(seed: int) -> dict[str, float]:
    from acestep_nodes.nodes.backends.local import conditioning, v15
    from acestep_nodes.nodes.backends.local.noise import edit_noise
    from acestep_nodes.nodes.backends.local.recipe import Recipe
    from acestep_nodes.nodes.backends.local.surroundings import SURROUNDINGS
    from acestep_nodes.nodes.request.progress import Progress

    from local_models import tiny

    model, clip = tiny.v15_model(), tiny.v15_clip()
    text = conditioning.encode_v15_repaint(
        clip, conditioning.Prompt("lo-fi, mellow", "[Verse]\nla la", "en", 6.0, bpm=75), print
    )
    frames = int(torch.randint(128, 160, ()))
    source = torch.randn(1, 64, frames)
    found = {}
    # In the middle, and so close to the start that the blend has no room on one side.
    for first in (int(torch.randint(40, 60, ())), 5):
        spans = [(first, first + 31)]
        inside = torch.zeros(1, 1, frames, dtype=torch.bool)
        inside[..., first : first + 31] = True
        shown = torch.where(inside, v15.silence(frames), source)
        net = loops.V15(model, text, v15.silence(750), shown, inside.float())
        noise = edit_noise(source.shape, spans, seed)
        for name, ratio, blend in (("hold", 1.0, 0), ("balanced", 0.5, 12), ("free", 0.0, 0)):
            made = v15.repaint(
                model, text, conditioning.zeroed(text), source=source, spans=spans, recipe=Recipe(8, 1.0),
                strength=1.0, seed=seed, progress=Progress(), surroundings=SURROUNDINGS[name],
            )  # fmt: skip
            theirs = loops.v15_repaint(net, source, inside, noise, 8, 1.0, ratio)
            share = torch.tensor([_share(frame, *spans[0], blend) for frame in range(frames)])
            if ratio == 1.0:  # upstream leaves its last step's prediction there, the pack the source
                theirs = torch.where(inside, theirs, source)
            elif blend:
                theirs = share * theirs + (1 - share) * source
            found[f"{name}, from frame {first}"] = float((made - theirs).abs().max())
    return found


def _share(frame: int, start: int, stop: int, blend: int) -> float:
    """How much of a frame is new: 1 inside, and outside falling over ``blend`` frames, or the fewer there are."""
    if start <= frame < stop:
        return 1.0
    room = min(blend, start) if frame < start else blend
    distance = start - frame if frame < start else frame - stop + 1
    return max(0.0, 1 - distance / (room + 1))


def _v1(seed: int) -> dict[str, float]:
    from acestep_nodes.nodes.backends.local import conditioning, v1
    from acestep_nodes.nodes.backends.local.recipe import Recipe
    from acestep_nodes.nodes.request.progress import Progress

    from local_models import tiny

    model, clip = tiny.v1_model(), tiny.v1_clip()
    text = conditioning.encode_v1(clip, "lo-fi, mellow", "[Verse]\nla la", print)
    shape = (1, 8, 16, int(torch.randint(60, 80, ())))
    made = v1.generate(
        model, text, conditioning.zeroed(text), frames=shape[-1], recipe=Recipe(8, 15.0), seed=seed,
        progress=Progress(), variation=0.4, variation_seed=seed + 99,
    )  # fmt: skip
    angle = 0.4 * math.pi / 2
    noise = math.cos(angle) * loops.noise_of(seed, shape) + math.sin(angle) * loops.noise_of(seed + 99, shape)
    return {"v1, variation 0.4": float((made - loops.v1_song(loops.V1(model, text), noise, 8, 15.0)).abs().max())}


if __name__ == "__main__":
    engine.start(sys.argv[1])
    with torch.no_grad():
        result = differences(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
    print(json.dumps(result, indent=1))
