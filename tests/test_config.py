"""Configuration: where values come from, which one wins, every complaint, and the way back to TOML."""

from __future__ import annotations

import enum
import string
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator, model_validator

import ft
from ft.config.given import read_file
from ft.config.resolve import resolve, run_config
from ft.config.write import json_schema, to_toml
from ft.contract.errors import FtError, Problems
from ft.loading.load import load_all


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    a: int = 1
    b: float | None = 2.0


class Tag(ft.Plugin):
    class Config(ft.DataConfig):
        rate: float = Field(0.1, ge=0, le=1, description="share of the words")
        label: str = "x"
        steps: Annotated[int, Field(gt=0)] | None = 5
        names: list[str] = Field([])
        places: tuple[Path, ...] = ()
        pick: Literal["fast", "slow"] | int = "fast"
        colour: Colour = Colour.RED
        inner: Inner = Inner()
        weights: dict[str, float] = Field({})
        odd: int = 1
        aliased: int = Field(1, alias="lambda")
        on: bool = False

        @field_validator("odd")
        @classmethod
        def _odd(cls, value: int) -> int:
            if value % 2 == 0:
                raise ValueError("even numbers do not work")
            return value

        @model_validator(mode="after")
        def _together(self) -> Any:
            if self.rate == 0.5 and self.label == "clash":
                raise ValueError("rate 0.5 and label clash exclude each other")
            return self


class Mix(ft.Plugin):
    class Config(ft.Config):
        strength: float = 1.0


class Must(ft.Plugin):
    class Config(ft.Config):
        here: int = Field(description="how many")
        maybe: int | None


class Broken(ft.Plugin):
    class Config(ft.Config):
        value: int = 1

        @field_validator("value")
        @classmethod
        def _fails(cls, value: int) -> int:
            if value == 7:
                raise KeyError("seven")
            return value


TAG, MIX, MUST, BROKEN = (f"ft_test_config:{name}" for name in ("Tag", "Mix", "Must", "Broken"))


@pytest.fixture(autouse=True, scope="module")
def _module() -> Any:
    """The classes above under a name that can be imported."""
    module = types.ModuleType("ft_test_config")
    for cls in (Tag, Mix, Must, Broken):
        setattr(module, cls.__name__, cls)
    path = list(sys.path)
    sys.modules["ft_test_config"] = module
    yield
    del sys.modules["ft_test_config"]
    sys.path[:] = path


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(*plugins: str, **arguments: Any) -> list[str]:
    """The messages of what is wrong."""
    with pytest.raises(FtError) as caught:
        resolve(list(plugins) or None, **arguments)
    error = caught.value
    assert error.exit_code == 2
    return [str(one) for one in (error.errors if isinstance(error, Problems) else [error])]


def problem(*plugins: str, **arguments: Any) -> str:
    """The message of the only thing that is wrong."""
    (only,) = problems(*plugins, **arguments)
    return only


# Where values come from


def test_defaults() -> None:
    resolved = resolve([TAG])
    assert resolved.run == ft.RunConfig()
    assert resolved.configs == {"tag": Tag.Config()}
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


def test_an_override_that_fits_neither_way_is_named_alone_as_it_was_read() -> None:
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


# What is wrong with a value: where, what it is, what it must be


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
def test_a_value_that_does_not_fit(override: str, message: str) -> None:
    assert problem(TAG, overrides=[override]).startswith(f"-o {override}: {message}")


def test_a_misspelt_word_is_told_the_nearest() -> None:
    assert "did you mean 'cosine'?" in problem(TAG, overrides=["run.schedule=cosin"])


def test_settings_that_exclude_each_other() -> None:
    text = problem(TAG, overrides=["tag.rate=0.5", "tag.label=clash"])
    assert "[tag]: rate 0.5 and label clash exclude each other" in text


def test_a_missing_setting(toml: Callable[[str], Path]) -> None:
    first, second = problems(MUST)
    assert first.startswith("the setting 'must.here' is missing (how many)")
    assert "-o must.here=..." in first
    assert second.startswith("the setting 'must.maybe' is missing")
    file = toml(f'plugins = ["{MUST}"]\n')
    assert f"give it under [must] in {file}" in problems(file=file)[0]


def test_a_long_value_is_cut() -> None:
    text = problem(TAG, overrides=[f"run.epochs={'x' * 500}"]).partition(": run.epochs is ")[2]
    assert len(text) < 250
    assert "…" in text


def test_a_check_that_crashes_names_its_plugin() -> None:
    text = problem(BROKEN, overrides=["broken.value=7"])
    assert "the check of [broken] failed: KeyError: 'seven'" in text
    assert "in: plugin 'broken' (ft_test_config:Broken)" in text


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
def test_an_unknown_setting(override: str, hint: str) -> None:
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
def test_a_wrong_override(override: str, message: str) -> None:
    assert problem(TAG, overrides=[override]).startswith(f"-o {override}: {message}")


def test_a_table_of_a_plugin_that_is_installed_but_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toml: Callable[[str], Path]
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


def test_arguments_are_checked_like_the_rest() -> None:
    assert problem(TAG, values={"run.epoch": 3}, labels={"run.epoch": "argument epoch"}) == (
        "argument epoch: there is no setting 'run.epoch'\n  to do: did you mean 'run.epochs'?"
    )
    assert problem(TAG, values={"epochs": 3}).startswith(
        "argument epochs: the setting 'epochs' belongs"
    )
    assert "not valid text" in problem(TAG, values={"tag": {"label": "\ud800"}})


@pytest.mark.parametrize("how", ["file", "override"])
def test_remote_code_needs_an_explicit_argument(how: str, toml: Callable[[str], Path]) -> None:
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


def test_no_plugin_is_named() -> None:
    text = problem(values={"run.epochs": 3})
    assert text.startswith("--plugins: no plugin is named\n")
    assert "--plugins ner,augment (installed: " in text


@pytest.mark.parametrize("listed", ['"ner"', "3", '["ner", 3]', "{a = 1}"])
def test_the_list_of_plugins_is_a_list_of_names(listed: str, toml: Callable[[str], Path]) -> None:
    file = toml(f"\nplugins = {listed}\n")
    text = problem(file=file)
    assert text.startswith(f"{file}:2: plugins must be a list of names, not ")
    assert problem(TAG, file=file) == text


def test_a_plugin_of_the_file_that_is_not_there(toml: Callable[[str], Path]) -> None:
    file = toml('plugins = ["zzq"]\n[zzq]\nrate = 1\n')
    assert problem(file=file).startswith(f"{file}:1: there is no plugin 'zzq'")


# The file


def test_all_errors_come_at_once_each_with_its_place(toml: Callable[[str], Path]) -> None:
    file = toml(
        "# first\n"
        f'plugins = ["{TAG}",\n  "zzq",\n]\n'
        "[run]\n"
        'model = """\n[tag]\nrate = 9\n"""\n'
        "epochs = -1\n"
        'lint = "warm"\n'
        "[ tag ]\n"
        '"rate" = 3\n'
        "trian = '''x\n'''\n"
        'names = ["[", # ]\n 3]\n'
        "inner.a = 'x'\n"
        "columns = {text = 3, label = 'l'}\n"
        "[tga]\n"
    )
    messages = problems(
        file=file, overrides=["nonsense", "run.seed=-1"], values={"run.batch_size": 0}
    )
    lines = sorted(int(one.split(":")[1]) for one in messages if one.startswith(str(file)))
    assert lines == [2, 10, 11, 13, 14, 16, 18, 19, 20]
    assert len([message for message in messages if not message.startswith(str(file))]) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[run]\nepochs = \n", ":2: not valid TOML: Invalid value"),
        (b"[run]\nseed = 1\nseed = 2\n", ":3: not valid TOML: Cannot overwrite a value"),
        (b"[run]\n[run]\n", ":2: not valid TOML: Cannot declare"),
        (b"a = 1\n\nb = '\xff'\n", ":3: the file is not UTF-8"),
        (b"a = " + b"[" * 5000, ": the values are nested too deeply"),
        (b"a = 1979-99-99\n", ":1: not valid TOML"),
        (b"a = " + b"9" * 5000, ": not valid TOML"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    assert problem(TAG, file=file).startswith(f"{file}{message}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    text = problem(TAG, file=tmp_path / "no.toml")
    assert "the configuration cannot be read: there is no such file" in text
    assert "cannot be read" in problem(TAG, file=tmp_path)


def test_a_file_with_a_mark_and_windows_lines(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes(b'\xef\xbb\xbf[run]\r\nmodel = """a\r\nb"""\r\nseed = 3\r\n')
    resolved = resolve([TAG], file=file)
    assert resolved.run.seed == 3
    assert resolved.origins["run.seed"] == f"{file}:4"


def test_the_configuration_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(ft.UserError, match="there is no run here"):
        run_config(tmp_path)
    with pytest.raises(ft.UserError, match="there is no such folder"):
        run_config(tmp_path / "gone")
    (tmp_path / "config.toml").touch()
    assert run_config(tmp_path) == tmp_path / "config.toml"


words = st.text(max_size=20)
numbers = st.floats(allow_nan=False, min_value=0, max_value=1)
toml_values = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=st.dictionaries(words, toml_values, max_size=4))
def test_the_line_of_every_key_is_found(tree: dict[str, Any], tmp_path: Path) -> None:
    import tomli_w

    file = tmp_path / "any.toml"
    file.write_text(tomli_w.dumps(tree, multiline_strings=True), encoding="utf-8", newline="")
    lines = file.read_bytes().decode().split("\n")
    for setting in read_file(file):
        line = lines[int(setting.place.rpartition(":")[2]) - 1]
        written = tomli_w.dumps({setting.path[-1]: 0}).removesuffix(" = 0\n")
        assert line.startswith((f"{written} =", "["))
        assert written in line


# Back to TOML


names = st.text(string.ascii_letters + "äß字 .\"'\\\n\t#=[]", max_size=12)
run_settings = st.fixed_dictionaries(
    {},
    optional={
        "model": names | st.none(),
        "seed": st.integers(0, 2**63 - 1),
        "epochs": st.floats(0.01, 1e6),
        "max_steps": st.integers(1, 10**9) | st.none(),
        "learning_rate": st.floats(1e-12, 10),
        "clip": st.floats(1e-9, 1e9) | st.none(),
        "schedule": st.sampled_from(["linear", "cosine", "constant"]),
        "freeze": st.sampled_from(["none", "encoder", 0, 3]),
    },
)
tag_settings = st.fixed_dictionaries(
    {},
    optional={
        "train": names | st.none(),
        "columns": st.dictionaries(names, names, max_size=3),
        "rate": numbers,
        "label": names,
        "steps": st.integers(1, 99) | st.none(),
        "names": st.lists(names, max_size=3),
        "places": st.lists(st.sampled_from(["a/b", "c"]).map(Path), max_size=2),
        "pick": st.sampled_from(["fast", "slow", 3]),
        "colour": st.sampled_from(["red", "blue"]),
        "inner": st.fixed_dictionaries(
            {}, optional={"a": st.integers(), "b": st.floats() | st.none()}
        ),
        "weights": st.dictionaries(
            names, st.floats(allow_nan=False, allow_infinity=False), max_size=3
        ),
        "lambda": st.integers(),
        "on": st.booleans(),
    },
)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(run=run_settings, tag=tag_settings, here=st.integers(), maybe=st.none() | st.integers())
def test_what_is_written_is_read_back(
    run: dict[str, Any], tag: dict[str, Any], here: int, maybe: int | None, tmp_path: Path
) -> None:
    first = resolve(
        [TAG, MUST], values={"run": run, "tag": tag, "must": {"here": here, "maybe": maybe}}
    )
    text = to_toml(first)
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8", newline="")
    again = resolve(None, file=file)
    assert repr(again.run) == repr(first.run)
    assert repr(again.configs) == repr(first.configs)
    assert again.plugins == first.plugins
    assert to_toml(again) == text


def test_every_setting_is_written_with_its_value() -> None:
    text = to_toml(resolve([MIX], overrides=["run.clip=none"]))
    assert text.startswith('plugins = [\n    "ft_test_config:Mix",\n]\n\n[run]\nseed = 0\n')
    assert 'clip = "none"' in text
    assert "max_steps" not in text
    assert "[mix]\nstrength = 1.0\n" in text


def test_a_value_that_toml_cannot_hold(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text(
        "import ft\nclass Odd(ft.Plugin):\n    class Config(ft.Config):\n        row: list[int | None] = [None]\n"
    )
    with pytest.raises(ft.ConfigError, match=r"odd\.row: a list or table with a missing value"):
        to_toml(resolve([str(file)]))


def test_the_schema_accepts_what_resolve_accepts() -> None:
    schema = json_schema(load_all([TAG, MIX]))
    assert list(schema["properties"]) == ["plugins", "run", "tag", "mix"]
    assert schema["additionalProperties"] is False
    reference = schema["properties"]["tag"]["$ref"].removeprefix("#/$defs/")
    tag = schema["$defs"][reference]
    assert tag["additionalProperties"] is False
    assert tag["properties"]["rate"]["description"] == "share of the words"
    assert {"const": "none"} in tag["properties"]["steps"]["anyOf"]
    assert schema["properties"]["mix"]["$ref"] != schema["properties"]["tag"]["$ref"]


# Fuzz: any input gives settings or one clear error


@settings(max_examples=100, deadline=None)
@given(
    overrides=st.lists(
        st.text(max_size=30) | st.from_regex(r"(run|tag)\.[a-z_]{1,8}=.{0,20}"), max_size=3
    )
)
def test_any_override_is_understood_or_refused(overrides: list[str]) -> None:
    with suppress(FtError):
        resolve([TAG], overrides=overrides)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_file_is_understood_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    good = f'plugins = ["{TAG}"]\n[run]\nseed = 1\nmodel = """a\nb"""\n[tag]\nnames = ["a",\n"b"]\n'.encode()
    at = data.draw(st.integers(0, len(good)))
    cut = data.draw(st.integers(0, 8))
    file = tmp_path / "any.toml"
    file.write_bytes(good[:at] + data.draw(st.binary(max_size=6)) + good[at + cut :])
    with suppress(FtError):
        resolve(None, file=file)
