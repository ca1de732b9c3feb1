"""What is wrong with a setting is said with its place, its value, and what it must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ft.config.resolve import resolve
from ft.config.write import json_schema, to_toml

TAG = "ft_test_settings:Tag"
MIX = "ft_test_settings:Mix"
MUST = "ft_test_settings:Must"
BROKEN = "ft_test_settings:Broken"

ALL = ("label_names", "label_separator", "missing_labels")
"""What the settings of every task that reads files have for labels."""

pytestmark = pytest.mark.usefixtures("settings")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "run.epochs=many",
            "run.epochs is 'many', but must be a number greater than 0 (passes over",
        ),
        ("run.epochs=0", "run.epochs is 0, but must be a number greater than 0"),
        ("run.seed=1.5", "run.seed is 1.5, but must be a whole number at least 0"),
        ("run.warmup=1", "run.warmup is 1, but must be a number at least 0 and less than 1"),
        (
            "run.max_steps=-1",
            "run.max_steps is -1, but must be a whole number greater than 0, or none",
        ),
        ("run.lint=warm", "run.lint is 'warm', but must be 'warn', 'refuse' or 'off'"),
        (
            "run.freeze=head",
            "run.freeze is 'head', but must be 'none', 'encoder' or 'embeddings' or a",
        ),
        ("tag.rate=2", "tag.rate is 2, but must be a number at least 0 and at most 1 (share of"),
        ("tag.on=maybe", "tag.on is 'maybe', but must be true or false"),
        ("tag.names=3", "tag.names is 3, but must be a list, each item text"),
        ("tag.columns=3", "tag.columns is 3, but must be a table"),
        ("tag.colour=green", "tag.colour is 'green', but must be 'red' or 'blue'"),
        ("tag.steps=0", "tag.steps is 0, but must be a whole number greater than 0, or none"),
        ("tag.inner=3", "tag.inner is 3, but must be a table"),
        ("tag.inner.a=x", "tag.inner.a is 'x': it must be a valid integer"),
        ("tag.names=['a', 3]", "tag.names.1 is 3: it must be a valid string"),
        ("tag.weights.q=heavy", "tag.weights.q is 'heavy': it must be a valid number"),
        ("tag.odd=2", "tag.odd is 2: even numbers do not work"),
    ],
)
def test_a_value_that_does_not_fit(
    override: str, message: str, problem: Callable[..., Any]
) -> None:
    assert problem(TAG, overrides=[override]).startswith(f"-o {override}: {message}")


def test_a_misspelt_word_is_told_the_nearest(problem: Callable[..., Any]) -> None:
    assert "did you mean 'cosine'?" in problem(TAG, overrides=["run.schedule=cosin"])


def test_settings_that_exclude_each_other(problem: Callable[..., Any]) -> None:
    text = problem(TAG, overrides=["tag.rate=0.5", "tag.label=clash"])
    assert "[tag]: rate 0.5 and label clash exclude each other" in text


def test_a_missing_setting(toml: Callable[[str], Path], problems: Callable[..., Any]) -> None:
    first, second = problems(MUST)
    assert first.startswith("the setting 'must.here' is missing (how many)")
    assert "-o must.here=..." in first
    assert second.startswith("the setting 'must.maybe' is missing")
    file = toml(f'plugins = ["{MUST}"]\n')
    assert f"give it under [must] in {file}" in problems(file=file)[0]


def test_a_long_value_is_cut(problem: Callable[..., Any]) -> None:
    text = problem(TAG, overrides=[f"run.epochs={'x' * 500}"]).partition(": run.epochs is ")[2]
    assert len(text) < 250
    assert "…" in text


def test_a_check_that_crashes_names_its_plugin(problem: Callable[..., Any]) -> None:
    text = problem(BROKEN, overrides=["broken.value=7"])
    assert "the check of [broken] failed: KeyError: 'seven'" in text
    assert "in: plugin 'broken' (ft_test_settings:Broken)" in text


# Unknown settings


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("run.lerning_rate=1", "did you mean 'run.learning_rate'?"),
        ("tag.trian=x", "did you mean 'tag.train'?"),
        ("tag.epochs=1", "did you mean 'run.epochs'?"),
        ("tag.lerning_rate=1", "did you mean 'run.learning_rate'?"),
        ("mix.stregth=1", "did you mean 'mix.strength'?"),
        ("mix.columns=1", "did you mean 'tag.columns'?"),
        ("mix.zzz=1", "the settings of [mix] are strength"),
        ("run.plugins=1", "write it above the first [table] of the file"),
    ],
)
def test_an_unknown_setting(override: str, hint: str, problem: Callable[..., Any]) -> None:
    key = override.partition("=")[0]
    text = problem(TAG, MIX, overrides=[override])
    assert text == f"-o {override}: there is no setting '{key}'\n  to do: {hint}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "epochs=1",
            "the setting 'epochs' belongs to no table\n  to do: did you mean 'run.epochs'?",
        ),
        ("zzz=1", "the setting 'zzz' belongs to no table\n  to do: a setting is table.key"),
        (
            "tga.rate=1",
            "there is no table 'tga'; this run has run, tag\n  to do: did you mean 'tag'?",
        ),
        (
            "zzz.rate=1",
            "there is no table 'zzz'; this run has run, tag\n  to do: settings belong to",
        ),
        ("run=3", "'run' must be a table\n  to do: write its settings under [run]"),
        ("epochs", "an override is table.key=value"),
        ("=3", "an override is table.key=value"),
        ("run..x=3", "an override is table.key=value"),
        ("plugins=ner", "the plugins are not a setting\n  to do: use --plugins a,b"),
        ("plugins.x=ner", "the plugins are not a setting"),
        ("tag.label=\udcff", "the value is not valid text (UTF-8)"),
    ],
)
def test_a_wrong_override(override: str, message: str, problem: Callable[..., Any]) -> None:
    assert problem(TAG, overrides=[override]).startswith(f"-o {override}: {message}")


def test_a_table_of_a_plugin_that_is_installed_but_not_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    toml: Callable[[str], Path],
    problem: Callable[..., Any],
) -> None:
    info = tmp_path / "ft_elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: ft-elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ft.plugins]\nelsewhere = a:B\n")
    monkeypatch.syspath_prepend(tmp_path)
    file = toml(f'plugins = ["{TAG}"]\n\n[elsewhere]\nrate = 1\n')
    assert problem(file=file) == (
        f"{file}:3: there are settings for 'elsewhere', which is not among the plugins of this run\n"
        "  to do: add 'elsewhere' to --plugins, or take its settings out"
    )


def test_arguments_are_checked_like_the_rest(problem: Callable[..., Any]) -> None:
    assert problem(TAG, values={"run.epoch": 3}, labels={"run.epoch": "argument epoch"}) == (
        "argument epoch: there is no setting 'run.epoch'\n  to do: did you mean 'run.epochs'?"
    )
    assert problem(TAG, values={"epochs": 3}).startswith(
        "argument epochs: the setting 'epochs' belongs"
    )
    assert "not valid text" in problem(TAG, values={"tag": {"label": "\ud800"}})


@pytest.mark.parametrize("how", ["file", "override"])
def test_remote_code_needs_an_explicit_argument(
    how: str, toml: Callable[[str], Path], problem: Callable[..., Any]
) -> None:
    file = toml(f'plugins = ["{TAG}"]\n[run]\ntrust_remote_code = true\n')
    given: dict[str, Any] = {"file": file}
    if how == "override":
        given = {"overrides": ["run.trust_remote_code=true"]}
    plugins = [TAG] if how == "override" else []
    text = problem(*plugins, **given)
    assert "trust_remote_code runs code that the model brings, so only a flag can allow it" in text
    assert "give --trust-remote-code" in text
    allowed = resolve(plugins or None, **given, values={"run.trust_remote_code": True})
    assert allowed.run.trust_remote_code
    refused = resolve(plugins or None, **given, values={"run.trust_remote_code": False})
    assert not refused.run.trust_remote_code


# The plugins


def test_no_plugin_is_named(problem: Callable[..., Any]) -> None:
    text = problem(values={"run.epochs": 3})
    assert text.startswith("--plugins: no plugin is named\n")
    assert "--plugins ner,augment (installed: " in text


@pytest.mark.parametrize("listed", ['"ner"', "3", '["ner", 3]', "{a = 1}"])
def test_the_list_of_plugins_is_a_list_of_names(
    listed: str, toml: Callable[[str], Path], problem: Callable[..., Any]
) -> None:
    file = toml(f"\nplugins = {listed}\n")
    text = problem(file=file)
    assert text.startswith(f"{file}:2: plugins must be a list of names, not ")
    assert problem(TAG, file=file) == text


def test_a_plugin_of_the_file_that_is_not_there(
    toml: Callable[[str], Path], problem: Callable[..., Any]
) -> None:
    file = toml('plugins = ["zzq"]\n[zzq]\nrate = 1\n')
    assert problem(file=file).startswith(f"{file}:1: there is no plugin 'zzq'")


@pytest.mark.parametrize(
    ("task", "without"),
    [
        *((task, ALL) for task in ("answers", "qa", "recommend", "rerank", "seq2seq")),
        ("image", ("label_separator",)),
        ("ner", ("label_separator", "missing_labels")),
    ],
)
def test_a_setting_that_a_task_has_no_use_for_is_refused_and_not_shown(
    task: str, without: tuple[str, ...], problem: Callable[..., Any], tmp_path: Path
) -> None:
    for name in ALL:
        value = "['-']" if name != "label_separator" else "-"
        override = f"{task}.{name}={value}"
        if name in without:
            said = problem(task, overrides=[override])
            assert said.startswith(f"-o {override}: {task}.{name} is ")
            assert "this task has no use for it: leave it out" in said
        else:
            resolve([task], overrides=[override])
    resolved = resolve([task])
    (tables,) = [json_schema(resolved.plugins)["$defs"][type(resolved.configs[task]).__name__]]
    assert not {*without} & {*tables["properties"], *to_toml(resolved).split()}
    # The settings of a run that was made before have what is empty.
    file = tmp_path / "config.toml"
    file.write_text(f'plugins = ["{task}"]\n\n[{task}]\nlabel_names = []\n')
    resolve(None, file=file)
