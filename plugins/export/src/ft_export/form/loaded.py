"""An exported model in memory: a torch module that calls ONNX Runtime or OpenVINO."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from ft import DataError

INDEX = "exported.json"
"""The file that says which graphs there are, and what each takes and gives."""

Feeds = Mapping[str, np.ndarray]
Run = Callable[[Feeds], Mapping[str, np.ndarray]]


class Graph:
    """One graph and how it is run.

    Args:
        takes: names of the inputs of the model's calls that the graph stands for.
        run: gives outputs by name; needs some or all of these inputs.
    """

    def __init__(self, takes: Sequence[str], run: Run) -> None:
        self.takes = frozenset(takes)
        self.run = run


class ExportedModel(nn.Module):
    """Graphs that are called as the trained model was, each for the inputs that it was made of.

    Args:
        graphs: of the model.
    """

    def __init__(self, graphs: Sequence[Graph]) -> None:
        super().__init__()
        self._graphs = sorted(graphs, key=lambda graph: -len(graph.takes))

    def forward(self, **inputs: Tensor) -> ModelOutput:
        """The outputs of the trained model by name, as keys and as attributes, on the device of the inputs.

        Raises:
            DataError: the model was never called with such inputs when it was exported.
        """
        graph = next((one for one in self._graphs if one.takes <= inputs.keys()), None)
        if graph is None:
            known = " or ".join(", ".join(sorted(one.takes)) for one in self._graphs)
            raise DataError(
                f"the exported model takes {known}, and was given {', '.join(sorted(inputs))}",
                hint="export the run again with data that has all kinds of its inputs (--data)",
            )
        device = next(iter(inputs.values())).device
        feeds = {name: inputs[name].cpu().numpy() for name in graph.takes}
        found = graph.run(feeds)
        outputs = ModelOutput()
        for name, value in found.items():
            outputs[name] = torch.from_numpy(value).to(device)
        return outputs


def read_index(folder: Path) -> Mapping[str, Any]:
    """What `ft export` wrote about the model in a folder.

    Raises:
        DataError: the folder does not hold what it writes.
    """
    place = folder / INDEX
    try:
        index: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        if index["format"] not in ("onnx", "openvino", "torch"):
            raise ValueError(f"no form is called {index['format']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(place, error) from error
    return index


def load(index: Mapping[str, Any], folder: Path, device: torch.device) -> ExportedModel:
    """The graphs that `ft export` wrote into a folder.

    Raises:
        DataError: the folder does not hold what it writes.
    """
    opened = _onnx if index["format"] == "onnx" else _openvino
    try:
        rows = [(folder / Path(row["file"]).name, row["takes"]) for row in index["graphs"]]
    except (KeyError, TypeError) as error:
        raise _damaged(folder / INDEX, error) from error
    return ExportedModel([Graph(takes, opened(path, device)) for path, takes in rows])


def _damaged(place: Path, error: Exception) -> DataError:
    return DataError(
        f"this is not what `ft export` writes ({type(error).__name__}: {error})", where=str(place)
    )


def onnx_graph(model: str | bytes, device: torch.device) -> Run:
    """What runs a graph in ONNX Runtime, from its file or its content.

    It uses as many threads as torch does: both count their threads apart.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    wanted = "CUDAExecutionProvider" if device.type == "cuda" else None
    available = onnxruntime.get_available_providers()
    providers = [one for one in (wanted, "CPUExecutionProvider") if one in available]
    session = onnxruntime.InferenceSession(model, options, providers=providers)
    names = [one.name for one in session.get_inputs()]
    outputs = [one.name for one in session.get_outputs()]

    def run(feeds: Feeds) -> Mapping[str, np.ndarray]:
        found = session.run(outputs, {name: feeds[name] for name in names})
        return dict(zip(outputs, found, strict=True))

    return run


def _onnx(path: Path, device: torch.device) -> Run:
    return onnx_graph(str(path), device)


def _openvino(path: Path, device: torch.device) -> Run:
    try:
        import openvino
    except ImportError as error:
        raise DataError(
            "this model is in the form of OpenVINO, which is not installed",
            where=str(path),
            hint="pip install ft-export[openvino]",
        ) from error
    core = openvino.Core()
    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(path, path.with_suffix(WEIGHTS)), "CPU", settings)
    names = [one.get_any_name() for one in compiled.inputs]
    outputs = [one.get_any_name() for one in compiled.outputs]

    def run(feeds: Feeds) -> Mapping[str, np.ndarray]:
        # A request of its own for each call, so that several threads may ask at once.
        found = compiled.create_infer_request().infer({name: feeds[name] for name in names})
        return {name: np.array(found[i]) for i, name in enumerate(outputs)}

    return run


WEIGHTS = ".weights"
"""Suffix of OpenVINO's weights: its own, .bin, is that of pickled weights, which no run may hold."""
