"""What the official ComfyUI templates put between a model and its sampler, on a clone of the model."""

import torch

# ModelSamplingSD3 of the v1 templates; what the 1.5 ones set is what the network comes with.
V1_SHIFT = 5.0
# TextEncodeAceStepAudio of the v1 templates.
V1_LYRICS_STRENGTH = 0.99
_SCHEDULER = "simple"
_PRE_CFG = "sampler_pre_cfg_function"


def prepare_v1(model) -> None:
    """Give ``model`` (a MODEL this run owns) the shift and the tone mapping of the v1 templates.

    What a connected model brings of either is kept instead, as it would be if it were put into the template.
    """
    import comfy.model_base
    import comfy_extras.nodes_post_processing  # noqa: F401  (it and the next one need each other, this one first)
    from comfy_extras.nodes_latent import LatentApplyOperationCFG, LatentOperationTonemapReinhard

    if "model_sampling" not in model.object_patches:
        network = model.model
        sampling = comfy.model_base.model_sampling(network.model_config, network.model_type)
        sampling.set_parameters(shift=V1_SHIFT, multiplier=sampling.multiplier)
        model.add_object_patch("model_sampling", sampling)
    if not model.model_options.get(_PRE_CFG):
        tone_mapping = LatentOperationTonemapReinhard.execute(multiplier=1.0).args[0]
        mapped = LatentApplyOperationCFG.execute(model, tone_mapping).args[0]
        model.model_options[_PRE_CFG] = mapped.model_options[_PRE_CFG]


def sigmas(model, steps: int) -> torch.Tensor:
    """float32 [steps + 1] from 1 to 0, by ComfyUI's own scheduler, at the shift that ``model`` has."""
    import comfy.samplers

    return comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), _SCHEDULER, steps)
