"""A model with inputs of its own, the places of marks, is exported as those of transformers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import ft

MARKED = "the <e1>rain</e1> caused the <e2>flood</e2> ."


def test_an_exported_run_answers_alike(train: Callable[..., Any]) -> None:
    export = pytest.importorskip("ft_export").export
    run = train(epochs=6).output
    folder, parity = export(run)
    assert parity.changed == 0
    # Places of marks that lie behind the end of a text are no call of the model.
    assert "1 x 1" not in parity.shapes
    asked = [MARKED, f"heavy {MARKED}"]
    for ours, theirs in zip(ft.predict(run, asked), ft.predict(folder, asked), strict=True):
        assert theirs["label"] == ours["label"]
        assert theirs["scores"] == pytest.approx(ours["scores"], abs=1e-4)
