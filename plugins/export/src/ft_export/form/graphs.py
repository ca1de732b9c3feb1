"""A torch model as graphs of ONNX or OpenVINO, made by the exporters of transformers."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from ft import UserError
from ft_export.form.calls import Call, Calls, lengths_of, reshaped
from ft_export.form.loaded import INDEX, WEIGHTS

Format = Literal["onnx", "openvino", "torch"]

PLAIN = "eager"
"""The attention that is exported: products and a softmax, which ONNX Runtime makes one operation of."""

_SIZE = re.compile(r"L\['(\w+)'\]\.size\(\)")
"""An input in what torch.export says of its sizes."""

LARGEST = 1_500_000_000
"""Bytes of weights from which on they are a file of their own: protobuf holds 2 GB."""


class Answers(nn.Module):
    """A model that gives the tensors alone, by name: all that ft reads of its outputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """What the model answers, (batch, ...) each."""
        found: Mapping[str, Any] = self.model(**inputs)
        return {name: one for name, one in found.items() if isinstance(one, Tensor) and one.ndim}


def answer(model: nn.Module, call: Call) -> dict[str, Tensor]:
    """What a torch model answers to a call, in the precision of its weights, on the CPU."""
    device = next((one.device for one in model.parameters()), torch.device("cpu"))
    with torch.no_grad():
        found = Answers(model).eval()(**{name: one.to(device) for name, one in call.items()})
    return {name: one.cpu() for name, one in found.items()}


def make_graphs(model: nn.Module, calls: Calls, to: Format) -> list[tuple[list[str], Any, Call]]:
    """A graph for each kind of call, for any batch and length.

    Returns:
        For each the names of its inputs, the graph (an ``onnx_ir.Model`` or ``openvino.Model``), and
        the call that it was traced with.

    Raises:
        UserError: the exporter cannot translate the model, or a library is missing.
    """
    exporter, settings = _exporter(to)
    made = []
    with _plain_attention(model), quiet():
        for names, kept in calls.kinds.items():
            call = _large_enough(kept)
            lengths = lengths_of(kept)
            shapes = {
                name: dict.fromkeys((0, *lengths[name]), torch.export.Dim.DYNAMIC) for name in call
            }
            config = exporter.config_class(dynamic_shapes=shapes, **settings)
            try:
                done = exporter.export(Answers(model).eval(), dict(call), config)
            except Exception as error:
                raise _refusal(model, to, str(error)) from error
            made.append((sorted(names), done.program, call))
    return made


def _refusal(model: nn.Module, to: Format, told: str) -> UserError:
    """Why a model is not exported, in words, from what the exporter told."""
    sized = sorted(set(_SIZE.findall(told)))
    if "Constraints violated" in told and sized:
        why = f"its forward makes a constant of a size of its inputs ({', '.join(sized)})"
        mend = "write x.shape[0] in the forward where it has len(x), or a number made of a size"
    elif "data-dependent" in told:
        why = "what its forward does depends on the values of its inputs"
        mend = "write torch.where in the forward where it has an if on the values of a tensor"
    else:
        why = f"the exporter of transformers says: {told.strip().partition(chr(10))[0][:300]}"
        mend = "whoever wrote the model can change its forward"
    return UserError(
        f"the model of this run ({type(model).__name__}) cannot be exported to {to}: {why}",
        hint=f"use the run as it is (ft predict, ft serve), or {mend}; the exporter's whole error stands "
        "under --debug",
    )


def write_graphs(graphs: Sequence[tuple[list[str], Any, Call]], to: Format, folder: Path) -> None:
    """Write graphs into a folder, with the file that says what each takes."""
    rows = []
    if to == "onnx":
        for _, program, _ in graphs:
            for node in (node for graph in program.graphs() for node in graph):
                # They say where in the sources it comes from, with this machine's paths.
                node.metadata_props.clear()
    for number, (takes, program, _) in enumerate(graphs):
        stem = f"model{number or ''}"
        file = folder / f"{stem}.{'onnx' if to == 'onnx' else 'xml'}"
        if to == "onnx":
            save_onnx(program, file)
        else:
            import openvino

            openvino.save_model(program, str(file), compress_to_fp16=False)
            file.with_suffix(".bin").rename(file.with_suffix(WEIGHTS))
        rows.append({"file": file.name, "takes": takes})
    text = json.dumps({"format": to, "graphs": rows}, indent=2)
    (folder / INDEX).write_text(f"{text}\n", encoding="utf-8")


def save_onnx(program: Any, file: Path) -> None:
    """Write a graph, large weights as a file of their own beside it."""
    import onnx_ir

    constants = (one.const_value for one in program.graph.initializers.values())
    size = sum(one.nbytes for one in constants if one is not None)
    apart = {"external_data": f"{file.name}.data"} if size > LARGEST else {}
    onnx_ir.save(program, str(file), **apart)


def _exporter(to: Format) -> tuple[Any, dict[str, Any]]:
    """The exporter of transformers for a format, and what its configuration says beside the shapes."""
    try:
        with quiet():
            if to == "onnx":
                from transformers.exporters.exporter_onnx import OnnxExporter

                return OnnxExporter(), {"ort_fusions": "cpu"}
            from transformers.exporters.exporter_openvino import OpenVINOExporter

            return OpenVINOExporter(), {"stateful": False}
    except ImportError as error:
        raise UserError(
            f"--to {to} needs a library that is not installed: {error}",
            hint=f"pip install 'ft-export[{to}]'",
        ) from error


def _large_enough(calls: list[Call]) -> Call:
    """A call to trace with: torch.export takes a dimension of 1 for a constant."""
    largest = max(calls, key=lambda one: sum(value.numel() for value in one.values()))
    batch = len(next(iter(largest.values())))
    lengths = lengths_of(calls)
    sizes = [largest[name].shape[i] for name, found in lengths.items() for i in found]
    if len(set(sizes)) > 1 and min(sizes) > 1 and batch > 1:
        return largest  # lengths of several kinds, such as a text and a history
    return reshaped([largest, *calls], min(max(batch, 2), 4), min(max([*sizes, 3]), 16))


@contextlib.contextmanager
def _plain_attention(model: nn.Module) -> Iterator[None]:
    """Attention as transformers writes it down, in the place of any faster one."""
    owners = [one for one in model.modules() if hasattr(one, "set_attn_implementation")]
    before = [(one, one.config._attn_implementation) for one in owners]
    try:
        for owner in owners:
            owner.set_attn_implementation(PLAIN)
        yield
    finally:
        for owner, name in before:
            owner.config._attn_implementation = name


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the chatter of the exporters, such as versions that they were not tried with, to themselves."""
    level = transformers_logging.get_verbosity()
    disabled = logging.root.manager.disable
    transformers_logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        transformers_logging.set_verbosity(level)
