"""Settings are written to TOML and read back, and described by a JSON schema."""

from __future__ import annotations

import string
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ft
from ft.config.resolve import resolve
from ft.config.write import json_schema, to_toml
from ft.contract.errors import FtError
from ft.loading.load import load_all

TAG = "ft_test_settings:Tag"
MIX = "ft_test_settings:Mix"
MUST = "ft_test_settings:Must"

pytestmark = pytest.mark.usefixtures("settings")


numbers = st.floats(allow_nan=False, min_value=0, max_value=1)
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
    assert text.startswith('plugins = [\n    "ft_test_settings:Mix",\n]\n\n[run]\nseed = 0\n')
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
