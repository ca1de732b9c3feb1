"""The configuration file: every error with its line, and the line of every key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ft
from ft.config.given import read_file
from ft.config.resolve import resolve, run_config

TAG = "ft_test_settings:Tag"

pytestmark = pytest.mark.usefixtures("settings")


def test_all_errors_come_at_once_each_with_its_place(
    toml: Callable[[str], Path], problems: Callable[..., Any]
) -> None:
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
def test_a_file_that_is_not_toml(
    tmp_path: Path, content: bytes, message: str, problem: Callable[..., Any]
) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    assert problem(TAG, file=file).startswith(f"{file}{message}")


def test_a_file_that_is_not_there(tmp_path: Path, problem: Callable[..., Any]) -> None:
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
