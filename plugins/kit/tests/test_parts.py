"""The parts of the kit: snapshots, guards, the comparison of runs, the tasks and techniques."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from ft import EXAMPLE_ID, Label, Schema, Text, Words
from ft_kit.compare import differences
from ft_kit.edges import LONG, alterable, altered
from ft_kit.guards import Refused, guarded, pickles
from ft_kit.snapshot import changed, copied

LAST = "checkpoints/step-00000008"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_copy_is_unchanged(value: Any) -> None:
    assert list(changed(copied(value), value)) == []


@given(st.dictionaries(st.text(max_size=3), VALUES, min_size=1, max_size=3), st.data())
def test_a_change_is_found_at_its_place(value: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    before = copied(value)
    value[key] = object()
    assert list(changed(before, value)) == [f"[{key!r}]"]


def test_a_change_within_a_tensor_is_found() -> None:
    value = {"a": torch.zeros(2, 2), "b": [np.array([1.0, np.nan])], "c": (1, 2)}
    before = copied(value)
    assert list(changed(before, value)) == []
    value["a"][1, 1] = 1
    value["b"][0][0] = 2
    del value["c"]
    assert list(changed(before, value)) == ["['a']", "['b'][0]", "['c']"]


def test_no_connection_is_made_and_who_tried_is_noted() -> None:
    attempts: list[str] = []
    with guarded(attempts):
        with pytest.raises(Refused):
            socket.create_connection(("127.0.0.1", 9))
        with socket.socket() as one, pytest.raises(Refused):
            one.connect(("127.0.0.1", 9))
    assert [text.partition(" at ")[0] for text in attempts] == [
        "network: looking up '127.0.0.1'",
        "network: a connection to ('127.0.0.1', 9)",
    ]
    assert all(f"{__file__}:" in text for text in attempts)


def test_no_pickle_is_read_or_written_within_the_guard(tmp_path: Path) -> None:
    attempts: list[str] = []
    stored = pickle.dumps([1])
    with guarded(attempts):
        with pytest.raises(Refused):
            pickle.loads(stored)  # noqa: S301
        with pytest.raises(Refused):
            torch.save({}, tmp_path / "a.pt")
    assert [text.split()[1] for text in attempts] == ["pickle.loads", "torch.save"]
    assert pickle.loads(stored) == [1]  # noqa: S301


def test_pickles_are_known_by_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.bin").write_bytes(pickle.dumps({"a": [1]}, protocol=2))
    torch.save({"w": torch.zeros(1)}, tmp_path / "b.weights")
    np.save(tmp_path / "c.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "d.pkl").write_bytes(b"")
    np.save(tmp_path / "fine.npy", np.zeros(3))
    (tmp_path / "fine.json").write_text("{}")
    (tmp_path / "fine.bin").write_bytes(b"\x80abc")
    assert pickles(tmp_path) == ["b.weights", "below/a.bin", "c.npy", "d.pkl"]


@pytest.mark.parametrize("kind", ["empty", "long"])
def test_edges_alter_the_chosen_examples_alone(kind: Any) -> None:
    schema = Schema(
        words=Words(labels=("O", "B-X")),
        texts=(Text("free"), Text("fixed", editable=False)),
        label=Label(names=("a", "b")),
    )
    examples = {
        "tokens": [["one", "two"], ["three"]],
        "tags": [["O", "B-X"], ["O"]],
        "free": ["one", "two"],
        "fixed": ["one", "two"],
        "label": ["a", "b"],
        EXAMPLE_ID: [0, 1],
    }
    before = copied(examples)
    new = altered(examples, [1], schema, kind)
    assert examples == before
    assert [new[name][0] for name in new] == [examples[name][0] for name in examples]
    assert len(new["tokens"][1]) == len(new["tags"][1])
    if kind == "empty":
        assert (new["tokens"][1], new["free"][1], new["fixed"][1]) == ([], "", "two")
        assert alterable(schema, kind) == ["tokens", "free"]
    else:
        assert len(new["tokens"][1]) >= LONG
        assert all(len(new[name][1].split()) >= LONG for name in ("free", "fixed"))
        assert new["fixed"][1].startswith("two ")


@pytest.fixture(scope="module")
def two_runs(ft_kit: Any) -> tuple[Path, Path]:
    exam = ft_kit.exam("ft_kit.tasks:TextsTask")
    return exam.watched.output, exam.again.output


def test_two_equal_runs_have_no_differences(two_runs: tuple[Path, Path]) -> None:
    assert differences(*two_runs, "kit-texts") == []


def change_log(run: Path) -> None:
    path = run / "metrics.jsonl"
    path.write_text(path.read_text().replace('"value": 0.', '"value": 1.', 1))


def shorten_log(run: Path) -> None:
    path = run / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def change_state(run: Path) -> None:
    path = run / LAST / "state.json"
    state = json.loads(path.read_text())
    state["plugins"]["kit-texts"]["state"]["more"] = 1
    path.write_text(json.dumps(state))


def change_weights(run: Path) -> None:
    path = run / LAST / "model.safetensors"
    save_file({key: value + 1 for key, value in load_file(path).items()}, path)


def change_predictions(run: Path) -> None:
    path = run / "predictions" / "test.jsonl"
    path.write_text(path.read_text() + "{}\n")


def drop_checkpoint(run: Path) -> None:
    shutil.rmtree(run / LAST)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_log, "metrics accuracy value at step 4 is 1."),
        (shorten_log, "metrics.jsonl has "),
        (change_state, "kit-texts['state']['more'] in the last checkpoint differs"),
        (change_weights, "tensors of the model differ, such as "),
        (change_predictions, "predictions/test.jsonl differs"),
        (drop_checkpoint, "the last checkpoint is None, not step-00000008"),
    ],
)
def test_a_difference_is_told(
    two_runs: tuple[Path, Path], change: Any, said: str, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(two_runs[0], tmp_path / "run"))
    change(run)
    (found,) = differences(run, two_runs[1], "kit-texts")
    assert said in found
