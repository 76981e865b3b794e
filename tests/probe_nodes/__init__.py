"""Nodes for tests only. Two carry an AUDIO in and out of a real server as the tensor it is.

ComfyUI's own save and load nodes quantise to 16 bits and only know what a file can hold. These keep every bit,
every dtype, every rate and every shape, also those no file could have.

Two give numbers of the types that other packs send.

And two routes. POST /acestep_probe/catalogue {path of an official file: {"bytes", "sha256"}}: in this server the pack's
catalogue has these sizes and digests, so that a download need not be gigabytes. GET /acestep_probe/tensors: the bytes
of all tensors that this server's process holds.
"""

import gc
import importlib
import sys
from dataclasses import replace
from pathlib import Path

import folder_paths
import numpy as np
import torch
from aiohttp import web
from comfy_api.v0_0_2 import ComfyExtension, io
from server import PromptServer


class ProbeLoadTensor(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ProbeLoadTensor",
            display_name="Probe: load tensor",
            category="test",
            description="Loads an AUDIO that torch.save wrote to the input folder.",
            inputs=[io.String.Input("file")],
            outputs=[io.Audio.Output()],
        )

    @classmethod
    def fingerprint_inputs(cls, file):
        return _input(file).stat().st_mtime_ns

    @classmethod
    def execute(cls, file):
        return io.NodeOutput(torch.load(_input(file), weights_only=True))


KINDS = {
    "np.int64": np.int64,
    "np.float32": np.float32,
    "array": np.array,
    "tensor": torch.tensor,
    "float": float,
    "int": int,
}


class ProbeNumber(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ProbeNumber",
            display_name="Probe: number",
            category="test",
            description="Gives a whole number as the type that another pack may send it as.",
            inputs=[io.String.Input("number"), io.Combo.Input("kind", options=list(KINDS))],
            outputs=[io.AnyType.Output()],
        )

    @classmethod
    def execute(cls, number, kind):
        return io.NodeOutput(KINDS[kind](int(number)))


class ProbeRate(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ProbeRate",
            display_name="Probe: sample rate",
            category="test",
            description="Gives an AUDIO whose sample rate is a number of another type.",
            inputs=[io.Audio.Input("audio"), io.Combo.Input("kind", options=list(KINDS))],
            outputs=[io.Audio.Output()],
        )

    @classmethod
    def execute(cls, audio, kind):
        return io.NodeOutput({"waveform": audio["waveform"], "sample_rate": KINDS[kind](audio["sample_rate"])})


class ProbeSaveTensor(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ProbeSaveTensor",
            display_name="Probe: save tensor",
            category="test",
            description="Writes an AUDIO to the output folder with torch.save, unchanged.",
            inputs=[io.Audio.Input("audio"), io.String.Input("file")],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, audio, file):
        path = Path(folder_paths.get_output_directory()) / file
        torch.save({"waveform": audio["waveform"], "sample_rate": audio["sample_rate"]}, path)
        return io.NodeOutput(
            ui={
                "probe": [
                    {
                        "file": file,
                        "device": str(audio["waveform"].device),
                        "contiguous": audio["waveform"].is_contiguous(),
                    }
                ]
            }
        )


def _input(file: str) -> Path:
    return Path(folder_paths.get_input_directory()) / file


async def change_catalogue(request):
    changes = await request.json()
    extension = next(name for name in sys.modules if name.endswith(".nodes.comfyui.extension"))
    pack = extension.removesuffix(".nodes.comfyui.extension")
    catalogue = importlib.import_module(f"{pack}.nodes.backends.local.catalogue")

    def changed(file):
        return file and replace(file, **changes[file.path])

    catalogue.CATALOGUE = tuple(
        replace(entry, parts=tuple(map(changed, entry.parts)), whole=changed(entry.whole))
        for entry in catalogue.CATALOGUE
    )
    return web.json_response({})


async def weigh_tensors(request):
    gc.collect()
    storages = [each.untyped_storage() for each in gc.get_objects() if type(each) is torch.Tensor]
    return web.json_response({"bytes": sum({each.data_ptr(): each.nbytes() for each in storages}.values())})


class ProbeExtension(ComfyExtension):
    async def on_load(self):
        PromptServer.instance.routes.get("/acestep_probe/tensors")(weigh_tensors)
        PromptServer.instance.routes.post("/acestep_probe/catalogue")(change_catalogue)

    async def get_node_list(self):
        return [ProbeLoadTensor, ProbeNumber, ProbeRate, ProbeSaveTensor]


async def comfy_entrypoint():
    return ProbeExtension()
