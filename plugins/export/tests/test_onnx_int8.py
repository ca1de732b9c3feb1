"""Which layers a graph consists of, and which of them int8 hurts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir
import pytest
import torch

from ft_export.form.graphs import write_graphs
from ft_export.form.loaded import load, read_index
from ft_export.form.onnx_int8 import harm, layers_of, quantised, run
from ft_export.form.stacks import fewest

SCOPES = "pkg.torch.onnx.name_scopes"


@pytest.fixture
def program() -> onnx_ir.Model:
    """Two products in a row; one input of the second is far larger than all others."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(16, 16)).astype(np.float32)
    second = rng.normal(size=(16, 4)).astype(np.float32)
    first[:, 0] *= 1000
    second[0] /= 1000
    x = onnx_ir.val("x", onnx_ir.DataType.FLOAT, ["batch", 16])
    weights = [
        onnx_ir.Value(name=name, const_value=onnx_ir.Tensor(value, name=name))
        for name, value in (("first", first), ("second", second))
    ]
    for value in weights:
        assert value.const_value is not None
        value.shape, value.dtype = value.const_value.shape, value.const_value.dtype
    nodes = []
    last: onnx_ir.Value = x
    for number, value in enumerate(weights):
        node = onnx_ir.node("MatMul", [last, value])
        scopes = ["", "model", "model.stack", f"model.stack.layer.{number}", "linear"]
        node.metadata_props[SCOPES] = str(scopes)
        last = node.outputs[0]
        nodes.append(node)
    last.name, last.type, last.shape = "y", x.type, onnx_ir.Shape(["batch", 4])
    graph = onnx_ir.Graph(
        [x], [last], nodes=nodes, initializers=weights, opset_imports={"": 20}, name="g"
    )
    return onnx_ir.Model(graph, ir_version=10)


def test_the_layer_with_an_outlier_is_hurt_most(program: onnx_ir.Model) -> None:
    layers = layers_of(program)
    assert list(layers) == ["stack.layer.0", "stack.layer.1"]
    call = {"x": torch.randn(8, 16, generator=torch.Generator().manual_seed(1))}
    found = harm(program, layers, [call])
    assert list(found) == ["stack.layer.1", "stack.layer.0"]
    exact = run(program)({"x": call["x"].numpy()})["y"]
    kept = quantised(program, call, layers["stack.layer.1"])
    gaps = [
        float(np.abs(run(one)({"x": call["x"].numpy()})["y"] - exact).max())
        for one in (quantised(program, call), kept)
    ]
    assert gaps[1] < gaps[0]


def test_the_shortest_beginning_that_is_enough() -> None:
    layers = list("abcdefg")
    for needed in range(1, 8):
        assert fewest(layers, lambda some, n=needed: len(some) >= n) == layers[:needed]
    assert fewest(layers, lambda some: False) is None


def test_an_input_that_the_graph_was_not_made_for_is_refused(
    program: onnx_ir.Model, tmp_path: Path
) -> None:
    call = {"x": torch.zeros(2, 16)}
    write_graphs([(["x"], program, call)], "onnx", tmp_path)
    model = load(read_index(tmp_path), tmp_path, torch.device("cpu"))
    assert model(x=torch.zeros(0, 16))["y"].shape == (0, 4)
    with pytest.raises(Exception, match="takes x, and was given z"):
        model(z=torch.zeros(1, 16))
