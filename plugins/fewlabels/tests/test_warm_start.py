"""The start before the first epoch: a last layer that is fitted, pairs where texts are few, nothing where neither fits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import ft
from ft import Plugin, hookimpl
from ft_kit import TEXTS, WORDS, tiny_model
from ft_kit.compare import differences

HERE = Path(__file__)
WATCH = f"{HERE.with_name('watch.py')}:Watch"
STOP = "ft_kit.edges:Stop"


class Sizes(Plugin):
    """Writes down the tokens, with padding, of each pass that the model makes before the first step."""

    name = "sizes"

    @hookimpl
    def build_head(self, inner: Callable[..., nn.Module], run: Any, data: Any) -> nn.Module:
        model = inner(run, data)

        def look(module: nn.Module, given: Any, named: Mapping[str, Any]) -> None:
            if run.total_steps and not run.step and module.training:
                with (Path(run.output) / "sizes.txt").open("a") as file:
                    file.write(f"{named['input_ids'].numel()}\n")

        model.register_forward_pre_hook(look, with_kwargs=True)
        return model


def notes(folder: Path) -> list[str]:
    """What a run said."""
    return list(json.loads((folder / "record.json").read_text())["notes"])


@pytest.fixture
def losses(ft_run: Any, tmp_path: Path) -> Any:
    """Trains two epochs; gives the loss of each step."""

    def go(name: str, *plugins: str, **settings: Any) -> list[float]:
        more: dict[str, Any] = {"epochs": 2, "max_steps": None, "checkpoint_steps": 2}
        more |= {"kit-stop": {"armed": str(tmp_path / "armed"), "step": 6}}
        output = ft_run([*plugins, WATCH, STOP], output=tmp_path / name, **more, **settings).output
        return [float(line) for line in (output / "losses.jsonl").open()]

    return go


@pytest.fixture
def texts(tmp_path: Path) -> str:
    """A file of texts whose first word says their class."""
    path = tmp_path / "texts.csv"
    rows = [f"{who} saw {what},{who}" for who in ("anna", "ben") for what in ("rome", "a house")]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return str(path)


@pytest.mark.parametrize("technique", ["linear_probe", "warm_start"])
@pytest.mark.parametrize("task", ["sentiment", WORDS])
def test_a_fitted_layer_begins_with_a_lower_loss(
    ft_run: Any, texts: str, task: str, technique: str
) -> None:
    """Of texts that it has seen: what a tiny random encoder gives says nothing of others."""
    more: dict[str, Any] = {"learning_rate": 1e-12, "max_steps": 1}
    if task == "sentiment":
        more["sentiment"] = {"train": texts, "validation": texts}
    alone = ft_run([task], **more).metrics["validation"]["loss"].value
    more |= {"warm_start": {"steps": 3}} if technique == "warm_start" else {}
    fitted = ft_run([task, technique], **more)
    assert fitted.metrics["validation"]["loss"].value < 0.99 * alone
    assert any("the last layer was fitted to" in one for one in notes(fitted.output))


@pytest.mark.parametrize("technique", ["linear_probe", "warm_start"])
@pytest.mark.parametrize("task", [TEXTS, WORDS])
def test_a_resume_is_exact(losses: Any, tmp_path: Path, task: str, technique: str) -> None:
    more = {"warm_start": {"steps": 3}} if technique == "warm_start" else {}
    losses("whole", task, technique, **more)
    (tmp_path / "armed").touch()
    with pytest.raises(RuntimeError, match="stopped"):
        losses("stopped", task, technique, **more)
    ft.run(resume=tmp_path / "stopped")
    assert differences(tmp_path / "stopped", tmp_path / "whole") == []


def test_no_more_items_are_taken_than_asked_for(ft_run: Any) -> None:
    output = ft_run([WORDS, "linear_probe"], linear_probe={"most": 7}).output
    assert any("was fitted to 7 words" in one for one in notes(output))


def test_pairs_are_compared_where_texts_are_few(ft_run: Any) -> None:
    few = notes(ft_run([TEXTS, "warm_start"], warm_start={"steps": 3}).output)
    assert any("warm_start: 3 steps over pairs of 24" in one for one in few)
    many = notes(ft_run([TEXTS, "warm_start"], warm_start={"steps": 3, "most_texts": 20}).output)
    assert not any("over pairs" in one for one in many)
    assert any("was fitted to 24 examples" in one for one in many)
    narrow = {"steps": 3, "batch_size": 5}  # no room for three of each of two classes
    assert not any(
        "over pairs" in one
        for one in notes(ft_run([TEXTS, "warm_start"], warm_start=narrow).output)
    )


def test_a_pass_over_pairs_is_no_larger_than_one_of_training(ft_run: Any) -> None:
    settings = {"contrastive": {"steps": 5, "batch_size": 16, "fit_head": False}}
    output = ft_run([TEXTS, "contrastive", f"{HERE}:Sizes"], max_tokens=60, **settings).output
    sizes = [int(line) for line in (output / "sizes.txt").open()]
    assert len(sizes) >= 5
    assert max(sizes[:5]) <= 60


def test_a_task_that_has_no_class_and_no_tags_trains_as_without_it(
    losses: Any, tmp_path: Path
) -> None:
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("text,label\n" + "anna went,1.5\nben saw rome,2.25\n" * 8)
    settings = {"sentiment": {"train": str(numbers), "kind": "number"}}
    alone = losses("alone", "sentiment", **settings)
    assert losses("with", "sentiment", "warm_start", **settings) == alone
    assert any("begins as usual" in one for one in notes(tmp_path / "with"))


def test_a_model_whose_last_layer_reads_tokens_begins_as_usual(ft_run: Any, tmp_path: Path) -> None:
    """A decoder classifies a text by what its last layer gives of every token."""
    model = str(tiny_model(tmp_path / "decoder", "decoder", ["house"]))
    told = notes(ft_run([TEXTS, "warm_start"], model=model).output)
    assert any("left out: the last layer of Llama" in one for one in told)
    assert not any("over pairs" in one or "was fitted" in one for one in told)
    with pytest.raises(ft.ConfigError, match="does not read one vector an example"):
        ft_run([TEXTS, "linear_probe"], model=model)


def test_where_the_encoder_is_frozen_only_the_last_layer_is_fitted(ft_run: Any) -> None:
    told = notes(ft_run([TEXTS, "warm_start"], freeze="encoder").output)
    assert any("left out: nothing below the last layer learns" in one for one in told)
    assert any("the last layer was fitted to" in one for one in told)


def test_a_time_limit_shortens_the_warm_up(ft_run: Any) -> None:
    more = {
        "max_steps": None,
        "epochs": 1,
        "time_limit": "20s",
        "contrastive": {"steps": 1_000_000},
    }
    told = notes(ft_run([TEXTS, "contrastive"], **more).output)
    assert any("of 1000000, for want of time," in one for one in told)


def test_what_does_not_fit_is_refused(ft_run: Any) -> None:
    with pytest.raises(ft.FtError, match="cannot work"):
        ft_run([TEXTS, "contrastive", "warm_start"])
