"""A song by this pack's node with recipe comfyui against the graph of the official template, same model and seed.

    python tests/bench/local_generate.py [--comfyui TREE] [--family v1] [--seconds N] [--full]

The template of 1.5 turbo: TextEncodeAceStepAudio1.5, ConditioningZeroOut, EmptyAceStep1.5LatentAudio, KSampler
(8 steps, cfg 1, euler, simple), VAEDecodeAudio; of v1: TextEncodeAceStepAudio, ModelSamplingSD3, tone mapping, KSampler
(50 steps, cfg 5). First the latents of both are compared, then both run in one process, in turn. Text encoder and
language model are the same code in both and run once, unless --text is given.
"""

import local_setup as setup
from local_models import session, templates


def main() -> None:
    given = setup.arguments(__doc__)
    seconds = given.seconds or (120 if given.full else 30)
    model, clip, vae = setup.parts(given)
    parts, steps = session.Parts(model, clip, vae), 8 if given.family == "1.5" else 50
    variant = "turbo" if given.family == "1.5" else "auto"
    seeds = iter(range(10_000))

    def native(seed: int):
        texts = {"tags": setup.REQUEST["tags"], "lyrics": setup.REQUEST["lyrics"]}
        if given.family == "v1":
            return templates.v1_latents(parts, seed=seed, duration=seconds, **texts)
        return templates.v15_latents(parts, "turbo", seed=seed, duration=seconds, data=(75, "A minor", "4"), **texts)

    def ours():
        from acestep_nodes.nodes.request.requests import generate_request
        from acestep_nodes.nodes.run.rendering import render_generate

        request = generate_request(
            duration=seconds, seed=next(seeds), variant=variant, recipe="comfyui", model=model, clip=clip, vae=vae,
            **setup.REQUEST,
        )  # fmt: skip
        return setup.run(render_generate(request))

    theirs = _in_inference_mode(lambda: _decoded(vae, native(next(seeds))))
    alike = _in_inference_mode(
        lambda: templates.our_latents(parts, duration=seconds, variant=variant, **setup.REQUEST | {"seed": 1})
    )()
    apart = float((alike - _in_inference_mode(lambda: native(1))()).abs().max())
    a, b = setup.paired(theirs, ours, given.pairs)
    setup.report(
        __file__,
        given,
        [
            f"{given.family}: a song of {seconds} s; its latents differ from the template's by {apart:g} at most",
            setup.line("ComfyUI's own graph", a, seconds, steps),
            setup.line("ACEStepGenerate", b, seconds, steps),
            f"ACEStepGenerate / graph: {setup.ratios(a, b)}",
        ],
    )


def _in_inference_mode(task):
    import torch

    def run():
        with torch.inference_mode():
            return task()

    return run


def _decoded(vae, latents):
    from comfy_extras import nodes_audio

    return nodes_audio.VAEDecodeAudio.execute(vae, {"samples": latents})


if __name__ == "__main__":
    main()
