"""A distribution by somebody else: built, installed, and run beside the official techniques."""

from __future__ import annotations

import ast
import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main
from ft.loading.installed import installed

PACKAGE = Path(__file__).resolve().parents[1] / "examples" / "ft-relations"
CAUSE = ["the <e1>rain</e1> caused the <e2>flood</e2>", "a <e1>fire</e1> caused <e2>smoke</e2>"]
OTHER = ["the <e1>rain</e1> and the <e2>flood</e2>", "a <e1>fire</e1> and the <e2>rain</e2>"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the example, built from a copy of its folder."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; see requirements-dev.txt")
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(
        PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__")
    )
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture
def settings(tmp_path: Path, tiny_model: Path) -> list[str]:
    """Options of a short run on a few sentences, into ``run`` below ``tmp_path``."""
    path = tmp_path / "data.jsonl"
    rows = [(text, "Cause(e1,e2)") for text in CAUSE] + [(text, "Other") for text in OTHER]
    lines = [json.dumps({"text": text, "relation": relation}) for text, relation in rows]
    path.write_text("\n".join(lines * 6))
    return [
        *("--plugins", "relations,augment,adversarial", "--output", str(tmp_path / "run")),
        *("--model", str(tiny_model), "--epochs", "1", "--quiet", "-o", "run.precision=fp32"),
        *("-o", "run.device=cpu", "-o", f"relations.train={path}", "-o", f"relations.test={path}"),
        *("-o", "adversarial.start=0"),
    ]


def check_run(run: Path) -> None:
    record = json.loads((run / "record.json").read_text())
    first = record["plugins"][0]
    assert (first["name"], first["distribution"]) == ("relations", "ft-relations")
    assert first["version"] == "0.1.0"
    assert "ft_relations/plugin.py" in first["files"]
    assert record["chains"]["encode"] == "augment( relations )"
    assert record["chains"]["compute_loss"] == "adversarial( standard )"
    assert 0 <= record["metrics"]["test"]["f1"]["low"] <= record["metrics"]["test"]["f1"]["high"]
    costs = {(row["plugin"], row["hook"]): row for row in record["costs"]}
    assert costs["adversarial", "compute_loss"]["extra_forwards"] == record["steps"]


def test_it_imports_the_public_api_alone() -> None:
    for path in sorted((PACKAGE / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ft":
                assert node.module == "ft", f"{path}:{node.lineno} imports from {node.module}"
                names = {alias.name for alias in node.names}
                assert names <= set(ft.__all__), f"{path}:{node.lineno} imports {names}"
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("ft") for alias in node.names)


def test_the_installed_wheel_runs_with_techniques(
    wheel: Path,
    settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (found,) = [one for one in installed() if one.name == "relations"]
    assert (found.distribution, found.version) == ("ft-relations", "0.1.0")
    assert main(["plugins", "show", "relations"]) == 0
    card = capsys.readouterr().out
    assert "relations, a task, from ft-relations 0.1.0" in card
    assert "relations.negative = 'Other'" in card or 'relations.negative = "Other"' in card
    assert main(["run", *settings]) == 0, capsys.readouterr().err
    check_run(tmp_path / "run")
    answer = ft.predict(tmp_path / "run", CAUSE[0], strict=True)[0]
    assert answer["label"] in ("Cause(e1,e2)", "Other")


@pytest.mark.long
def test_it_installs_into_a_fresh_environment(
    wheel: Path, settings: list[str], tmp_path: Path
) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    # What ft itself needs is taken from here; the plugin is installed there.
    (folder,) = home.glob("lib/python*/site-packages")
    here = [path for path in (*site.getsitepackages(), *sys.path) if path.endswith("-packages")]
    (folder / "here.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in dict.fromkeys(here))
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def call(*command: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    done = call(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel
    )
    assert done.returncode == 0, done.stderr
    command = shutil.which("ft", path=str(Path(sys.executable).parent))
    assert command is not None
    listed = call(python, command, "plugins", "--json")
    rows = {row["name"]: row for row in json.loads(listed.stdout)["plugins"]}
    assert rows["relations"]["kind"] == "task"
    assert {"augment", "adversarial"} <= rows.keys()
    done = call(python, command, "run", *settings)
    assert done.returncode == 0, done.stderr
    check_run(tmp_path / "run")
    done = call(python, command, "check", "relations")
    assert done.returncode == 0, done.stdout + done.stderr
