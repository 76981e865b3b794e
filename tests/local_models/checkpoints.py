"""Safetensors files that look like ACE-Step's, with holes where the weights would be."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch

_ITEM_SIZES = {"F16": 2, "BF16": 2, "F32": 4, "U8": 1}
_NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.uint8: "U8"}
Shapes = Mapping[str, tuple[int, ...]]

# The tensors by which ComfyUI's loaders, and so the pack, tell ACE-Step's parts.
V1_NETWORK = {
    "genre_embedder.weight": (2560, 768),
    "lyric_embs.weight": (6693, 1024),
    "lyric_encoder.after_norm.weight": (1024,),
    "transformer_blocks.0.scale_shift_table": (6, 2560),
    "proj_in.early_conv_layers.0.weight": (2048, 8, 16, 1),
    "final_layer.scale_shift_table": (2, 2560),
}
V15_NETWORK = {
    "encoder.lyric_encoder.layers.0.input_layernorm.weight": (2048,),
    "encoder.timbre_encoder.norm.weight": (2048,),
    "encoder.text_projector.weight": (2048, 1024),
    "decoder.layers.0.self_attn_norm.weight": (2048,),
    "decoder.proj_in.1.weight": (2048, 192, 2),
    "decoder.proj_out.1.weight": (2048, 64, 2),
    "decoder.time_embed_r.linear_1.weight": (2048, 256),
    "tokenizer.quantizer.project_in.weight": (6, 2048),
    "detokenizer.norm.weight": (2048,),
    "null_condition_emb": (1, 1, 2048),
}
XL_NETWORK = V15_NETWORK | {"decoder.layers.0.self_attn_norm.weight": (2560,)}
V15_VAE = {"decoder.layers.1.layers.0.beta": (2048,), "decoder.layers.2.layers.1.weight_v": (1024, 512, 12)}
STABLE_AUDIO_VAE = V15_VAE | {"decoder.layers.2.layers.1.weight_v": (1024, 512, 16)}
V1_VAE = {"vocoder.backbone.channel_layers.0.0.bias": (128,)}


def language_model(width: int, vocabulary: int) -> Shapes:
    """The tensors that tell a Qwen3 text encoder or language model."""
    return {
        "model.embed_tokens.weight": (vocabulary, width),
        "model.layers.0.post_attention_layernorm.weight": (width,),
        "model.layers.0.self_attn.q_norm.weight": (128,),
        "model.norm.weight": (width,),
    }


TEXT_06B = language_model(1024, 151_669)
LM_17B = language_model(2048, 217_204)
LM_4B = language_model(2560, 217_204)
PLAIN_QWEN3_06B = language_model(1024, 151_936)  # the text encoder of other models
PLAIN_QWEN3_4B = language_model(2560, 151_936)


def prefixed(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


V1_AIO = (
    prefixed("model.diffusion_model.", V1_NETWORK)
    | prefixed("vae.", V1_VAE)
    | {"text_encoders.umt5base.transformer.shared.weight": (256_384, 768)}
)
V15_AIO = (
    prefixed("model.diffusion_model.", V15_NETWORK)
    | prefixed("vae.", V15_VAE)
    | prefixed("text_encoders.qwen3_06b.transformer.", TEXT_06B)
    | prefixed("text_encoders.qwen3_2b.transformer.", LM_17B)
)


def write(path: Path, shapes: Shapes, values: Mapping[str, torch.Tensor] | None = None, dtype: str = "F16") -> Path:
    """A safetensors file of ``shapes``; every tensor without a value is a hole in the file, read as zeros."""
    values = values or {}
    entries, offset = {}, 0
    for name in [*shapes, *(n for n in values if n not in shapes)]:
        value = values.get(name)
        kind = _NAMES[value.dtype] if value is not None else dtype
        shape = tuple(value.shape) if value is not None else shapes[name]
        size = int(torch.tensor(shape).prod()) * _ITEM_SIZES[kind] if shape else _ITEM_SIZES[kind]
        entries[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        start = file.tell()
        file.truncate(start + offset)
        for name, value in values.items():
            file.seek(start + entries[name]["data_offsets"][0])
            file.write(value.contiguous().view(torch.uint8).numpy().tobytes())
    return path
