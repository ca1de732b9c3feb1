"""Where settings come from, and which of them wins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.config.resolve import resolve

TAG = "ft_test_settings:Tag"
MIX = "ft_test_settings:Mix"

pytestmark = pytest.mark.usefixtures("settings")


def test_defaults(settings: Any) -> None:
    resolved = resolve([TAG])
    assert resolved.run == ft.RunConfig()
    assert resolved.configs == {"tag": settings.Tag.Config()}
    assert (resolved.origins, resolved.notes) == ({}, ())


def test_arguments_win_over_overrides_over_the_file(toml: Callable[[str], Path]) -> None:
    file = toml(
        f'plugins = ["{TAG}"]\n[run]\nseed = 1\nepochs = 1\nbatch_size = 1\n[tag]\nlabel = "a"\n'
    )
    resolved = resolve(
        None,
        file=file,
        overrides=["run.epochs=2", "run.batch_size=2"],
        values={"run.batch_size": 3, "tag": {"train": Path("data") / "x.conll"}},
        labels={"run.batch_size": "--batch-size"},
    )
    run = resolved.run
    assert (run.seed, run.epochs, run.batch_size) == (1, 2, 3)
    assert resolved.configs["tag"].train == str(Path("data") / "x.conll")  # type: ignore[attr-defined]
    assert resolved.origins == {
        "run": f"{file}:2",
        "run.seed": f"{file}:3",
        "run.epochs": "-o run.epochs=2",
        "run.batch_size": "--batch-size",
        "tag": f"{file}:6",
        "tag.label": f"{file}:7",
        "tag.train": "argument tag.train",
    }


def test_named_plugins_win_over_those_of_the_file(toml: Callable[[str], Path]) -> None:
    file = toml(f'plugins = ["{TAG}", "{MIX}"]\n[mix]\nstrength = 2\n')
    resolved = resolve([TAG], file=file)
    assert [one.name for one in resolved.plugins] == ["tag"]
    assert resolved.notes == (f"[mix] in {file} is not used: --plugins leaves 'mix' out",)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("data/train.conll", "data/train.conll"),
        ('"quoted = text"', "quoted = text"),
        ("a # b", "a # b"),
        ("2024", "2024"),
        ("2024-01-02", "2024-01-02"),
        ("true", "true"),
        ("nan", "nan"),
        ("1", "1"),
        ("1e3", "1e3"),
        ("12:30:00", "12:30:00"),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
        ("a=b=c", "a=b=c"),
        ("[1, 2", "[1, 2"),
        ("1, 2", "1, 2"),
    ],
)
def test_an_override_of_text_is_what_was_typed(typed: str, value: str) -> None:
    assert resolve([TAG], overrides=[f"tag.label={typed}"]).configs["tag"].label == value  # type: ignore[attr-defined]


def test_an_override_of_one_of_several_types_is_text_where_only_that_fits() -> None:
    assert resolve([TAG], overrides=["run.metric=nan"]).run.metric == "nan"
    assert resolve([TAG], overrides=["run.model=7"]).run.model == "7"
    given = ["tag.columns.text=1", "tag.columns.label=true", "tag.pick=7", "tag.rate=0.25"]
    config: Any = resolve([TAG], overrides=given).configs["tag"]
    assert config.columns == {"text": "1", "label": "true"}
    assert (config.pick, config.rate) == (7, 0.25)


def test_an_override_that_fits_neither_way_is_named_alone_as_it_was_read(
    problems: Callable[..., Any],
) -> None:
    given = ["tag.label=1", "tag.odd=1.5", "run.metric=nan", "tag.rate=nan"]
    odd, rate = sorted(problems(TAG, overrides=given))
    assert "tag.odd is 1.5, but must be a whole number" in odd
    assert "tag.rate is nan" in rate


def test_overrides_are_toml_values() -> None:
    config: Any = resolve(
        [TAG],
        overrides=[
            'tag.names=["a", "b"]',
            "tag.on=true",
            "tag.inner.a=4",
            'tag.columns={text = "t", label = "l"}',
            "tag.columns.text=review",
            "tag.lambda=9",
            "tag.pick=3",
        ],
    ).configs["tag"]
    assert (config.names, config.on, config.inner.a) == (["a", "b"], True, 4)
    assert config.columns == {"text": "review", "label": "l"}
    assert (config.aliased, config.pick) == (9, 3)


def test_settings_that_exclude_each_other_are_blamed_on_what_was_typed(
    toml: Callable[[str], Path],
) -> None:
    file = toml(f'plugins = ["{TAG}"]\n[tag]\nlabel = "clash"\n')
    with pytest.raises(ft.ConfigError) as caught:
        resolve(None, file=file, overrides=["tag.rate=0.5"])
    assert caught.value.where == "-o tag.rate=0.5"
    file = toml(f'plugins = ["{TAG}"]\n[tag]\nlabel = "clash"\nrate = 0.5\n')
    with pytest.raises(ft.ConfigError) as caught:
        resolve(None, file=file, overrides=["run.seed=1"])
    assert caught.value.where == f"{file}:2"


def test_a_whole_table_can_be_overridden() -> None:
    config: Any = resolve([TAG], overrides=["tag={rate = 0.2, label = 'q'}"]).configs["tag"]
    assert (config.rate, config.label) == (0.2, "q")


def test_a_later_value_replaces_a_table_as_a_whole(toml: Callable[[str], Path]) -> None:
    file = toml(f'plugins = ["{TAG}"]\n[tag.columns]\ntext = "a"\n')
    resolved = resolve(None, file=file, values={"tag": {"columns": {"label": "b"}}})
    assert resolved.configs["tag"].columns == {"label": "b"}  # type: ignore[attr-defined]
    assert "tag.columns.text" not in resolved.origins


@pytest.mark.parametrize(
    "given_as",
    [
        {"overrides": ["run.clip=none", "tag.steps=none", "tag.inner.b=none"]},
        {"values": {"run.clip": None, "tag": {"steps": None, "inner": {"b": None}}}},
    ],
)
def test_none_can_be_said(given_as: dict[str, Any]) -> None:
    resolved = resolve([TAG], **given_as)
    config: Any = resolved.configs["tag"]
    assert (resolved.run.clip, config.steps, config.inner.b) == (None, None, None)
    assert resolve([TAG], overrides=["tag.label=none"]).configs["tag"].label == "none"  # type: ignore[attr-defined]


def test_what_is_given_is_not_changed() -> None:
    values = {"tag": {"columns": {"text": "a"}, "inner": {"b": "none"}}}
    resolve([TAG], values=values, overrides=["tag.columns.label=b"])
    assert values == {"tag": {"columns": {"text": "a"}, "inner": {"b": "none"}}}
