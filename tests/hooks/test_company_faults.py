"""What plugins that do not go together are told, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ft import Loss, Plugin, PluginError, Problems, TaskData, hookimpl

HERE = Path(__file__)


class Both(Plugin):
    """Needs a graph, and frees the one that it got."""

    name = "both"
    needs_graph = True
    early_backward = True

    @hookimpl
    def compute_loss(self, inner: Callable[..., Loss], run: Any, model: Any, batch: Any) -> Loss:
        return inner(run, model, batch)


class Other(Both):
    """Another one of the kind."""

    name = "other"


class NeedsLabel(Plugin):
    """Touches what it declares that it needs."""

    name = "needslabel"
    needs_schema = ("label",)

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Any) -> TaskData:
        data = inner(run)
        assert data.schema.label is not None, "called with data that it cannot use"
        return data


class Copies(Plugin):
    """Trains on everything twice."""

    name = "copies"

    @hookimpl
    def load_data(self, inner: Callable[..., TaskData], run: Any) -> TaskData:
        from datasets import DatasetDict, concatenate_datasets

        data = inner(run)
        train = concatenate_datasets([data.splits["train"]] * 2)
        return replace(data, splits=DatasetDict({**data.splits, "train": train}))


class Icy(Plugin):
    """Freezes the encoder itself."""

    name = "icy"

    @hookimpl
    def build_head(self, inner: Callable[..., Any], run: Any, data: Any) -> Any:
        model = inner(run, data)
        model.base_model.requires_grad_(False)
        return model


def spec(name: str) -> str:
    return f"{HERE}:{name}"


@pytest.mark.parametrize("order", [("Both", "Other"), ("Other", "Both")])
def test_two_that_go_in_no_order_are_told_so(go: Any, order: tuple[str, str]) -> None:
    with pytest.raises((PluginError, Problems)) as caught:
        go(["words", *map(spec, order)])
    assert "not both" in str(caught.value.hint)
    assert "before" not in str(caught.value.hint)


def test_a_declared_order_is_no_way_out(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ft.hooks.chain import Implementation
    from ft.hooks.declarations import graph_faults

    early, needing = Both(), Other()
    early.needs_graph, needing.early_backward = False, False
    early.name, needing.name = "early", "needing"
    chain = [
        Implementation(one, f"'{one.name}'", "compute_loss", print, ("inner",))
        for one in (early, needing)
    ]
    assert graph_faults(chain)[0].hint == "name 'needing' before 'early'"
    needing.after = ("early",)
    assert "not both" in str(graph_faults(chain)[0].hint)


def test_a_technique_is_not_given_data_that_it_cannot_use(go: Any) -> None:
    with pytest.raises((PluginError, Problems), match=r"'needslabel'.* needs data with label"):
        go(["words", spec("NeedsLabel")])
    go(["texts", spec("NeedsLabel")], max_steps=1)


def test_the_user_is_not_blamed_for_rows_of_a_technique(go: Any) -> None:
    rows = [
        [
            (finding["code"], finding["count"])
            for finding in go(["texts", *extra], max_steps=1, lint="warn").record["findings"]
        ]
        for extra in ([], [spec("Copies")])
    ]
    assert rows[0] == rows[1]


def test_every_frozen_parameter_is_counted(go: Any) -> None:
    one, other = (
        go(["words", *extra], max_steps=1, **settings).record
        for extra, settings in (([spec("Icy")], {}), ([], {"freeze": "encoder"}))
    )
    assert 0 < one["frozen_parameters"] == other["frozen_parameters"] < one["parameters"]
