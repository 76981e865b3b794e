"""A song by this pack's node against ComfyUI's own graph of the same model, seed and settings.

    python tests/bench/local_generate.py [--comfyui TREE] [--family v1] [--seconds N] [--full]

Native graph, 1.5: TextEncodeAceStepAudio1.5, ConditioningZeroOut, EmptyAceStep1.5LatentAudio, KSampler
(8 steps, cfg 1, euler, simple), VAEDecodeAudio. v1: TextEncodeAceStepAudio, KSampler (60 steps, cfg 15), where
this pack runs v1's own recipe, which guides the middle half of the steps only. Both in one process, in turn.
Text encoder and language model are the same code in both and run once, unless --text is given.
"""

import local_setup as setup


def main() -> None:
    given = setup.arguments(__doc__)
    seconds = given.seconds or (120 if given.full else 30)
    model, clip, vae = setup.parts(given)
    native, steps = (_native_v15, 8) if given.family == "1.5" else (_native_v1, 60)
    seeds = iter(range(10_000))

    def ours():
        from acestep_nodes.nodes.rendering import render_generate
        from acestep_nodes.nodes.request import generate_request

        request = generate_request(
            duration=seconds, seed=next(seeds), variant="turbo" if given.family == "1.5" else "auto",
            model=model, clip=clip, vae=vae, **setup.REQUEST,
        )  # fmt: skip
        return setup.run(render_generate(request))

    theirs = _in_inference_mode(lambda: native(model, clip, vae, seconds, next(seeds)))
    a, b = setup.paired(theirs, ours, given.pairs)
    setup.report(
        __file__,
        given,
        [
            f"{given.family}: a song of {seconds} s",
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


def _native_v15(model, clip, vae, seconds, seed):
    from comfy_extras import nodes_ace, nodes_audio

    import nodes

    request = setup.REQUEST
    positive = nodes_ace.TextEncodeAceStepAudio15.execute(
        clip, request["tags"], request["lyrics"], seed, 75, float(seconds), "4", "en", "A minor", True, 2.0, 0.85,
        0.9, 0, 0.0,
    ).args[0]  # fmt: skip
    negative = nodes.ConditioningZeroOut().zero_out(positive)[0]
    latent = nodes_ace.EmptyAceStep15LatentAudio.execute(float(seconds), 1).args[0]
    made = nodes.common_ksampler(model, seed, 8, 1.0, "euler", "simple", positive, negative, latent)[0]
    return nodes_audio.VAEDecodeAudio.execute(vae, made)


def _native_v1(model, clip, vae, seconds, seed):
    from comfy_extras import nodes_ace, nodes_audio

    import nodes

    request = setup.REQUEST
    positive = nodes_ace.TextEncodeAceStepAudio.execute(clip, request["tags"], request["lyrics"], 1.0).args[0]
    negative = nodes.ConditioningZeroOut().zero_out(positive)[0]
    latent = nodes_ace.EmptyAceStepLatentAudio.execute(float(seconds), 1).args[0]
    made = nodes.common_ksampler(model, seed, 60, 15.0, "euler", "simple", positive, negative, latent)[0]
    return nodes_audio.VAEDecodeAudio.execute(vae, made)


if __name__ == "__main__":
    main()
