"""Techniques written on the public API alone: short, and bit-identical when resumed."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

import pytest

import ft
from ft_kit import TEXTS
from ft_kit.compare import differences, different_tensors

HERE = Path(__file__).parent
MOST = {
    "lion": 35,
}
"""Lines of code, at most."""

TASKS = {"multitask": 60}
"""The same of the task beside them, which has a test of its own."""

STOP = '''
import os, signal
from ft import Plugin, hookimpl

class Stop(Plugin):
    """Stops the run after its fifth step, once, as Ctrl-C does."""

    @hookimpl
    def compute_loss(self, inner, run, model, batch):
        if run.step == 4 and not os.path.exists({mark!r}):
            open({mark!r}, "w").close()
            os.kill(os.getpid(), signal.SIGINT)
        return inner(run, model, batch)
'''


def code_lines(path: Path) -> int:
    """Lines without docstrings, comments, imports and blank ones."""
    text = path.read_text(encoding="utf-8")
    left = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type
        not in (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        )
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        is_text = (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        )
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            left -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(left)


def test_lines_are_counted_without_docstrings_comments_imports_and_blanks(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        '"""Doc."""\n\nimport os\nfrom os import (\n    path,\n)\n\n# why\nx = """a\n\nb"""  # so\n'
    )
    assert code_lines(file) == 3


@pytest.mark.parametrize("name", [*MOST, *TASKS])
def test_it_is_short_and_stands_on_the_public_api(name: str) -> None:
    path = HERE / f"{name}.py" if name in MOST else HERE.parent / "tasks" / f"{name}.py"
    assert code_lines(path) <= (MOST | TASKS)[name]
    taken = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
    ]
    for node in taken:
        assert node.module == "ft" or not (node.module or "").startswith("ft"), node.module
        assert node.module != "ft" or {one.name for one in node.names} <= set(ft.__all__)


def go(run: Any, name: str, output: Path, *more: str, **settings: Any) -> Any:
    values = {"epochs": 3, "checkpoint_steps": 2, **settings}
    return run([TEXTS, str(HERE / f"{name}.py"), *more], output=output, **values)


@pytest.mark.parametrize("name", MOST)
def test_resumed_it_is_the_same_to_the_last_bit(name: str, ft_run: Any, tmp_path: Path) -> None:
    stop = tmp_path / "stop.py"
    mark = tmp_path / "mark"
    stop.write_text(STOP.format(mark=str(mark)))
    mark.touch()
    go(ft_run, name, tmp_path / "whole", str(stop))
    mark.unlink()
    with pytest.raises((KeyboardInterrupt, ft.Interrupted)):
        go(ft_run, name, tmp_path / "stopped", str(stop))
    assert mark.exists()
    ft.run(resume=tmp_path / "stopped")
    assert differences(tmp_path / "stopped", tmp_path / "whole", name) == []
    kept = sorted((tmp_path / "whole" / "checkpoints").glob("step-*"))[-1]
    for path in [*kept.glob("plugins.safetensors"), *kept.glob("order.safetensors")]:
        assert (
            different_tensors(path, tmp_path / "stopped" / path.relative_to(tmp_path / "whole"))
            == []
        )
