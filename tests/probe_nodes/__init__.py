"""Two nodes for tests only: they carry an AUDIO in and out of a real server as the tensor it is.

ComfyUI's own save and load nodes quantise to 16 bits and only know what a file can hold. These keep every bit,
every dtype, every rate and every shape, also those no file could have.
"""

from pathlib import Path

import folder_paths
import torch
from comfy_api.v0_0_2 import ComfyExtension, io


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


class ProbeExtension(ComfyExtension):
    async def get_node_list(self):
        return [ProbeLoadTensor, ProbeSaveTensor]


async def comfy_entrypoint():
    return ProbeExtension()
