"""`ft new plugin` writes packages that are in order, and pass their own tests at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from ft.cli.main import main
from ft_kit.new.package import marks

KINDS = ("task", "technique")


def generate(kind: str, folder: Path, name: str = "zebra-two") -> Path:
    assert main(["new", "plugin", name, "--kind", kind, "--folder", str(folder)]) == 0
    return folder


def seem_installed(project: Path, site: Path) -> None:
    """Write what pip writes of a distribution besides its modules."""
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
        f"Summary: {about['description']}\n",
        encoding="utf-8",
    )
    points = about["entry-points"]["ft.plugins"].items()
    lines = ["[ft.plugins]", *(f"{name} = {target}" for name, target in points)]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("company", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_new_package_passes_its_own_tests(
    kind: str, company: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the usual suite without the rule of company, which takes half the time."""
    project = generate(kind, tmp_path / "project", f"zebra-{kind}")
    seem_installed(project, tmp_path / "site")
    for folder in (tmp_path / "site", project / "src"):
        monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(project)
    before = set(sys.modules)
    # Inside this process: importing torch once more would take longer than the tests.
    where = [str(project), f"--rootdir={project}", f"-c{project / 'pyproject.toml'}"]
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'temporary'}"]
    options += [] if company else ["-k", "not company"]
    code = pytest.main([*where, *options])
    for name in [name for name in sys.modules if name not in before]:
        if name.startswith("tests."):  # those of the next package have the same names
            del sys.modules[name]
    assert code == pytest.ExitCode.OK


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["zebra", "zebra-two"])
def test_a_new_package_is_in_good_style(name: str, kind: str, tmp_path: Path) -> None:
    project = generate(kind, tmp_path / "project", name)
    for arguments in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", str(project)], check=True
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_has_what_a_package_has(kind: str, tmp_path: Path) -> None:
    project = generate(kind, tmp_path / "project")
    paths = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    assert paths == {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/ft_zebra_two/__init__.py",
        "src/ft_zebra_two/plugin.py",
        "src/ft_zebra_two/py.typed",
        "tests/test_contract.py",
        "tests/test_plugin.py",
    }
    texts = [(project / path).read_text(encoding="utf-8") for path in paths]
    marked = [mark for mark in marks("zebra", "task") for text in texts if mark in text]
    assert not marked
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert about["name"] == "ft-zebra-two"
    assert about["license"] == "Apache-2.0"
    assert metadata.version("ft-core").startswith("0.1.")
    assert about["dependencies"][0] == "ft-core>=0.1,<0.2"
    target = f"ft_zebra_two:ZebraTwo{kind.capitalize()}"
    assert about["entry-points"]["ft.plugins"] == {"zebra-two": target}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Zebra!", "'Zebra!' is no name for a plugin"),
        ("zebra--two", "such as 'zebra-two'"),
        ("2zebra", "such as 'zebra'"),
        ("z" * 41, "is no name for a plugin"),
        ("", "such as 'relations'"),
        ("ft-zebra", "'zebra' is enough"),
        ("run", "a plugin cannot be called 'run'"),
        ("standard", "there is a plugin 'standard' already, from ft itself"),
        ("ner", "there is a plugin 'ner' already, from ft-ner"),
        ("output", "ft.run has an argument 'output'"),
    ],
)
def test_a_name_that_will_not_do_is_refused(
    name: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "plugin", "--kind", "task", "--", name]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "plugin", "zebra", "--kind", "task"]) == 0
    plugin = tmp_path / "ft-zebra" / "src" / "ft_zebra" / "plugin.py"
    plugin.write_text("mine")
    assert main(["new", "plugin", "zebra", "--kind", "technique"]) == 2
    assert "ft-zebra: there is something of that name already" in capsys.readouterr().err
    assert plugin.read_text() == "mine"


@pytest.mark.parametrize("arguments", [["zebra"], ["zebra", "--kind", "model"]])
def test_the_kind_must_be_given(arguments: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "plugin", *arguments]) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_installs_and_passes_its_tests(kind: str, tmp_path: Path) -> None:
    project = generate(kind, tmp_path / "project", f"zebra-{kind}")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    # The libraries are those of this environment; only the package itself is installed anew.
    paths = [path for path in sys.path if path.endswith("site-packages")]
    code = "import site; print(site.getsitepackages()[0])"
    site = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    (Path(site.stdout.strip()) / "libraries.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in paths)
    )
    install = ["-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", str(project)]
    subprocess.run([python, *install], check=True)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run(
        [python, "-m", "pytest", "-q"], cwd=project, env=environment, check=True, timeout=3600
    )
    code = "from ft.cli.main import main; main(['plugins'])"
    listed = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert re.search(
        rf"^zebra-{kind} +{kind} +ft-zebra-{kind} +0.1.0 ", listed.stdout, re.MULTILINE
    )
