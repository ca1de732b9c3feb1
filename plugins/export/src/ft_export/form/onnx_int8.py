"""Weights of 8 bits for the layers that bear it: dynamic quantisation by ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ft_export.form.calls import Call
from ft_export.form.graphs import quiet, save_onnx
from ft_export.form.loaded import Run, onnx_graph
from ft_export.form.stacks import stack_of

OPERATIONS = ("MatMul", "Gemm", "Attention", "Gather")
"""What is quantised where one of its inputs is a weight."""


def layers_of(program: Any) -> dict[str, list[str]]:
    """The names of the nodes with weights that each layer of a graph consists of.

    A layer is a module of a stack, such as ``bert.encoder.layer.0``, or else the module that the
    node belongs to. Nodes without a name are given one.
    """
    weights = set(program.graph.initializers)
    layers: dict[str, list[str]] = {}
    unknown: list[str] = []
    for number, node in enumerate(program.graph):
        node.name = node.name or f"node_{number}"
        module = _module(node)
        if node.op_type in OPERATIONS and any(one and one.name in weights for one in node.inputs):
            unknown.append(node.name)
        if module and unknown:
            # A fused node has no module of its own: it stands before the others of its layer.
            layers.setdefault(module, []).extend(unknown)
            unknown = []
    if unknown:
        layers.setdefault("the end", []).extend(unknown)
    return layers


def _module(node: Any) -> str:
    scopes = re.findall(r"'([^']*)'", node.metadata_props.get("pkg.torch.onnx.name_scopes", ""))
    names = [one.removeprefix("model.") for one in scopes[:-1] if one.startswith("model.")]
    if not names:
        return ""
    return stack_of(names[-1])


def quantised(program: Any, call: Call, left_out: Sequence[str] = ()) -> Any:
    """A copy of a graph with weights of 8 bits, one scale a channel.

    One bit of the eight is left unused (``reduce_range``): processors without VNNI add two products
    in 16 bits, which would overflow, and the same file must answer alike everywhere.

    Args:
        program: an ``onnx_ir.Model``.
        call: inputs of the model.
        left_out: nodes that stay in float.
    """
    from transformers.exporters import OnnxRuntimeDynamicConfig, OnnxRuntimeQuantizer

    settings = OnnxRuntimeDynamicConfig(
        op_types_to_quantize=list(OPERATIONS),
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=list(left_out),
    )
    with quiet():
        return OnnxRuntimeQuantizer(settings).quantize(program, dict(call), "onnx")


def harm(program: Any, layers: Mapping[str, list[str]], calls: Sequence[Call]) -> dict[str, float]:
    """How much worse the outputs become where one layer alone is quantised, worst first.

    Returns:
        For each layer the root of the mean squared difference of the outputs.
    """
    exact = [run(program)(_arrays(call)) for call in calls]
    found = {}
    every = {node for nodes in layers.values() for node in nodes}
    for layer, nodes in layers.items():
        changed = run(quantised(program, calls[0], sorted(every - set(nodes))))
        squares = [
            float(((value - exact[i][name]) ** 2).mean())
            for i, call in enumerate(calls)
            for name, value in changed(_arrays(call)).items()
        ]
        found[layer] = (sum(squares) / len(squares)) ** 0.5
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def run(program: Any) -> Run:
    """What runs a graph that is in memory."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        save_onnx(program, file)
        # Weights that are a file of their own are mapped into memory, which outlives the folder.
        return onnx_graph(str(file), torch.device("cpu"))


def _arrays(call: Call) -> dict[str, Any]:
    return {name: value.numpy() for name, value in call.items()}
