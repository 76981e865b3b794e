"""Twenty new seconds in a long track against rendering the whole track again, same model and steps.

    python tests/bench/local_inpaint.py [--comfyui TREE] [--family v1] [--seconds N] [--full]

The edit is the whole node: window, resampling, encoding, sampling, decoding, alignment, splice, seam numbers.
The re-render is text to music of the track's length without a language model, which an edit has no use for.
"""

import local_setup as setup
import torch


def main() -> None:
    given = setup.arguments(__doc__)
    seconds = given.seconds or 240
    model, clip, vae = setup.parts(given)
    steps = 8 if given.family == "1.5" else 20
    shared = {**setup.REQUEST, "model": model, "clip": clip, "vae": vae}
    shared |= {"variant": "turbo"} if given.family == "1.5" else {"steps": steps}
    rate = 44_100
    noise = torch.Generator().manual_seed(1)
    track = {"waveform": 0.1 * torch.randn(1, 2, seconds * rate, generator=noise), "sample_rate": rate}
    seeds = iter(range(10_000))

    def edit():
        from acestep_nodes.nodes.request.requests import inpaint_request
        from acestep_nodes.nodes.run.rendering import render_inpaint

        request = inpaint_request(seed=next(seeds), context_seconds=30.0, **shared)
        middle = seconds / 2
        return setup.run(render_inpaint(request, track, ((middle - 10, "start", middle + 10, "start"),)))

    def whole():
        with torch.inference_mode():
            return _render(model, clip, vae, given.family, seconds, steps, next(seeds))

    a, b = setup.paired(whole, edit, given.pairs)
    setup.report(
        __file__,
        given,
        [
            f"{given.family}: 20 s inside {seconds} s, 30 s of context on each side",
            setup.line("the whole track rendered again", a, seconds, steps),
            setup.line("ACEStepInpaint", b, seconds, steps),
            f"ACEStepInpaint / whole: {setup.ratios(a, b)}",
        ],
    )


def _render(model, clip, vae, family, seconds, steps, seed):
    from acestep_nodes.nodes.backends.local import conditioning, v1, v15, vae_chunks
    from acestep_nodes.nodes.backends.local.family import V1, V15
    from acestep_nodes.nodes.backends.local.frames import frames_of_samples
    from acestep_nodes.nodes.backends.local.recipe import TURBO, Recipe
    from acestep_nodes.nodes.request.progress import Progress

    tags, lyrics = setup.REQUEST["tags"], setup.REQUEST["lyrics"]
    if family == "1.5":
        kind, pipeline, recipe = V15, v15, TURBO
        positive = conditioning.encode_v15_repaint(clip, conditioning.Prompt(tags, lyrics, "en", seconds), print)
    else:
        kind, pipeline, recipe = V1, v1, Recipe(steps, 15.0)
        positive = conditioning.encode_v1(clip, tags, lyrics, print)
    negative = conditioning.zeroed(positive)
    frames = frames_of_samples(seconds * kind.sample_rate, kind)
    latents = pipeline.generate(model, positive, negative, frames=frames, recipe=recipe, seed=seed, progress=Progress())
    return vae_chunks.decode(vae, kind, latents, 0, frames, Progress())


if __name__ == "__main__":
    main()
