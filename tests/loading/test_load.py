"""What is installed, from metadata alone; loading of what is named, and every refusal."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ft
from ft.contract.errors import Problems
from ft.loading.installed import duplicates, installed
from ft.loading.load import load, load_all, try_load_all

TOY = """
import ft

class Toy(ft.Plugin):
    class Config(ft.Config):
        rate: float = 0.5

    @ft.hookimpl
    def load_data(self, run):
        return None

    @ft.hookimpl
    def compute_loss(self, inner, run, model, batch):
        return inner(run, model, batch)

    @ft.hookimpl
    def on_run_end(self, run):
        pass
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution: its metadata, an entry point, its files."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = set(sys.modules)

    def install(
        distribution: str,
        name: str,
        target: str,
        files: dict[str, str] | None = None,
        version: str = "1.2",
    ) -> Path:
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nSummary: What {name} does.\n"
        )
        (info / "entry_points.txt").write_text(f"[ft.plugins]\n{name} = {target}\n")
        for path, text in (files or {}).items():
            file = site / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return site

    yield install  # type: ignore[misc]
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


# What is installed


def test_installed_reads_metadata_and_imports_nothing(install: Install) -> None:
    install("ft-toy", "toy", "toy_pkg.plugin:Toy", {"toy_pkg/plugin.py": "raise SystemExit"})
    (one,) = [one for one in installed() if one.name == "toy"]
    assert (one.distribution, one.version, one.summary) == ("ft-toy", "1.2", "What toy does.")
    assert one.target == "toy_pkg.plugin:Toy"
    assert not any(name.startswith("toy_pkg") for name in sys.modules)


def test_duplicates_names_every_distribution(install: Install) -> None:
    install("ft-toy", "toy", "a:A")
    install("evil-toy", "toy", "b:B")
    assert [one.distribution for one in duplicates(installed())["toy"]] == ["evil-toy", "ft-toy"]


# Loading by name


def test_a_name_loads_its_plugin_and_no_other(install: Install) -> None:
    install(
        "ft-toy", "toy", "toy_pkg.plugin:Toy", {"toy_pkg/__init__.py": "", "toy_pkg/plugin.py": TOY}
    )
    install("ft-bomb", "bomb", "bomb_pkg:Bomb", {"bomb_pkg.py": "raise RuntimeError('imported')"})
    loaded = load("toy")
    assert issubclass(loaded.cls, ft.Plugin)
    assert (loaded.name, loaded.distribution, loaded.version) == ("toy", "ft-toy", "1.2")
    assert (loaded.source, loaded.spec) == ("toy_pkg.plugin:Toy", "toy")
    assert loaded.owner == "'toy' (ft-toy 1.2)"
    assert "bomb_pkg" not in sys.modules


def test_file_hashes_cover_the_package(install: Install) -> None:
    files = {"toy_pkg/__init__.py": "", "toy_pkg/plugin.py": TOY, "toy_pkg/deep/part.py": "x = 1\n"}
    site = install("ft-toy", "toy", "toy_pkg.plugin:Toy", files)
    expected = {name: hashlib.sha256((site / name).read_bytes()).hexdigest() for name in files}
    assert load("toy").file_hashes() == expected


def test_an_unknown_name_is_told_the_nearest(install: Install) -> None:
    install("ft-sentimental", "sentimental", "a:A")
    with pytest.raises(ft.PluginError) as caught:
        load("sentimentle")
    text = str(caught.value)
    assert text.startswith("--plugins: there is no plugin 'sentimentle' (installed: ")
    assert "did you mean 'sentimental'" in text


def test_a_distribution_name_is_understood(install: Install) -> None:
    install("ft-zeugma", "zeugma", "a:A")
    with pytest.raises(ft.PluginError, match="did you mean 'zeugma'"):
        load("ft-zeugma")


def test_an_unknown_name_with_a_file_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "fraud.py", TOY)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ft.PluginError, match=r"for the file here write \./fraud\.py"):
        load("fraud")


def test_a_dotted_name_is_told_the_form() -> None:
    with pytest.raises(ft.PluginError, match="a class in a module is named package"):
        load("zzz.qqq")


def test_two_distributions_with_one_name_are_both_named(install: Install) -> None:
    install("ft-toy", "toy", "toy_a:Toy", {"toy_a.py": TOY})
    install("evil-toy", "toy", "toy_b:Toy", {"toy_b.py": "raise RuntimeError"}, version="6.6")
    with pytest.raises(ft.PluginError) as caught:
        load("toy")
    assert "offered by 2 installed distributions: evil-toy 6.6 and ft-toy 1.2" in str(caught.value)
    assert "uninstall one of them" in str(caught.value)
    assert "toy_a" not in sys.modules
    assert "toy_b" not in sys.modules


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        (
            "import a_library_nobody_has",
            "ModuleNotFoundError: No module named 'a_library_nobody_has'",
        ),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def", "SyntaxError"),
    ],
)
def test_a_plugin_that_cannot_be_imported(install: Install, code: str, reason: str) -> None:
    install("ft-toy", "toy", "toy_pkg:Toy", {"toy_pkg.py": code})
    with pytest.raises(ft.PluginError) as caught:
        load("toy")
    text = str(caught.value)
    assert f"the plugin cannot be imported: {reason}" in text
    assert "in: plugin 'toy' (ft-toy 1.2)" in text
    assert "run with --debug for the traceback" in text
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import ft\nToy = type('T', (ft.Plugin,), {})()", "is an instance of T, not the class"),
        ("def Toy(): pass", "is a function, not a plugin class"),
        ("class Toy: pass", "does not derive from ft.Plugin"),
        ("from ft import Plugin as Toy", "is ft.Plugin itself"),
        ("Other = 1", "has no 'Toy'"),
        ("import ft\nclass Tory(ft.Plugin): pass", "did you mean 'Tory'"),
        (
            "import ft\nclass Toy(ft.Plugin):\n    class Config: pass",
            "the Config of Toy does not derive from ft.Config",
        ),
    ],
)
def test_a_target_that_is_no_plugin_class(install: Install, code: str, reason: str) -> None:
    install("ft-toy", "toy", "toy_pkg:Toy", {"toy_pkg.py": code})
    with pytest.raises(ft.PluginError) as caught:
        load("toy")
    assert reason in str(caught.value)
    assert "ft-toy 1.2" in str(caught.value)


def test_a_target_that_is_a_module(install: Install) -> None:
    install("ft-toy", "toy", "toy_pkg", {"toy_pkg.py": TOY})
    with pytest.raises(ft.PluginError, match="is a module, not a plugin class"):
        load("toy")


def test_a_module_of_the_entry_point_that_is_not_there(install: Install) -> None:
    install("ft-toy", "toy", "toy_gone.plugin:Toy")
    with pytest.raises(ft.PluginError, match="there is no module 'toy_gone'"):
        load("toy")


@pytest.mark.parametrize("name", ["run", "plugins", "a.b"])
def test_a_name_that_cannot_be_a_table(install: Install, name: str) -> None:
    install("ft-toy", name, "toy_pkg:Toy", {"toy_pkg.py": TOY})
    with pytest.raises(ft.PluginError, match="cannot be called"):
        load(name)


# Loading a file


def test_a_file_needs_no_packaging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "fraud.py", TOY)
    monkeypatch.chdir(tmp_path)
    loaded = load("./fraud.py")
    assert (loaded.name, loaded.distribution, loaded.version) == ("fraud", None, None)
    assert loaded.source == loaded.spec == f"{file}:Toy"
    assert loaded.owner == f"'fraud' ({file}:Toy)"
    digest = hashlib.sha256((tmp_path / "fraud.py").read_bytes()).hexdigest()
    assert loaded.file_hashes() == {"fraud.py": digest}
    assert not (tmp_path / "__pycache__").exists()


def test_the_spec_of_a_file_loads_it_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "fraud.py", TOY)
    monkeypatch.chdir(tmp_path)
    spec = load("fraud.py").spec
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(spec).name == "fraud"


def test_an_edited_file_is_read_anew(tmp_path: Path) -> None:
    file = write(tmp_path, "fraud.py", TOY)
    assert load(file).cls.Config().rate == 0.5  # type: ignore[attr-defined]
    write(tmp_path, "fraud.py", TOY.replace("0.5", "0.7"))
    assert load(file).cls.Config().rate == 0.7  # type: ignore[attr-defined]


def test_a_file_may_import_its_neighbour(tmp_path: Path) -> None:
    write(tmp_path, "fraud_rules_q.py", "RATE = 3")
    file = write(tmp_path, "fraud.py", "from fraud_rules_q import RATE\n" + TOY)
    assert load(file).name == "fraud"


def test_a_neighbour_cannot_take_the_place_of_a_library(tmp_path: Path) -> None:
    write(tmp_path, "colorsys.py", "raise RuntimeError('shadowed')")
    assert load(write(tmp_path, "fraud.py", "import colorsys\n" + TOY)).name == "fraud"


def test_a_file_with_several_plugins(tmp_path: Path) -> None:
    file = write(tmp_path, "two.py", TOY + "\nclass Other(Toy):\n    name = 'other'\n")
    with pytest.raises(ft.PluginError) as caught:
        load(file)
    assert "defines 2 plugins: Toy, Other" in str(caught.value)
    assert "say which one: FILE.py:Other" in str(caught.value)
    assert load(f"{file}:Toy").name == "two"
    assert load(f"{file}:Other").name == "other"


def test_a_plugin_that_a_file_only_imports_is_not_its_own(tmp_path: Path) -> None:
    write(tmp_path, "base_toy_q.py", TOY)
    file = write(tmp_path, "user.py", "from base_toy_q import Toy\nclass Mine(Toy): pass\n")
    assert load(file).cls.__name__ == "Mine"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("./nothing.py", "there is no file 'nothing.py'"),
        ("./folder", "'./folder' is not a Python file"),
        ("", "the name of a plugin is empty"),
        ("a b:C", "'a b:C' is not package.module:Class"),
        ("json:", "'json:' is not package.module:Class"),
        ("./bad name.py", "a plugin cannot be called 'bad name'"),
        ("./empty.py", "defines no plugin"),
        ("./broken.py", "the plugin cannot be imported: ZeroDivisionError"),
        ("./fraud.py:Nope", "has no 'Nope'"),
    ],
)
def test_a_wrong_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "bad name.py": TOY,
        "empty.py": "import ft\nPlugin = ft.Plugin\n",
        "broken.py": "1 / 0",
        "fraud.py": TOY,
    }.items():
        write(tmp_path, name, text)
    with pytest.raises(ft.PluginError) as caught:
        load(spec)
    assert reason in str(caught.value)
    assert caught.value.hint


# Loading package.module:Class


def test_a_class_in_a_module_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_q").mkdir()
    write(tmp_path / "acme_q", "nlp.py", TOY.replace("class Toy", "class Tickets"))
    monkeypatch.chdir(tmp_path)
    loaded = load("acme_q.nlp:Tickets")
    assert (loaded.name, loaded.spec) == ("tickets", "acme_q.nlp:Tickets")
    assert list(loaded.file_hashes()) == ["nlp.py"]


def test_the_class_of_an_installed_plugin_knows_its_distribution(install: Install) -> None:
    install("ft-toy", "other", "toy_pkg:Toy", {"toy_pkg.py": TOY})
    loaded = load("toy_pkg:Toy")
    assert (loaded.name, loaded.distribution, loaded.version) == ("toy", "ft-toy", "1.2")


def test_the_class_may_name_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path,
        "acme_named_q.py",
        TOY.replace("    class Config", "    name = 'tickets'\n    class Config"),
    )
    monkeypatch.chdir(tmp_path)
    assert load("acme_named_q:Toy").name == "tickets"


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ft.PluginError) as caught:
        load("acme_gone.nlp:Tickets")
    assert "there is no module 'acme_gone'" in str(caught.value)
    assert "in: plugin 'acme_gone.nlp:Tickets'" in str(caught.value)


# Several


def test_a_plugin_named_twice(tmp_path: Path) -> None:
    file = write(tmp_path, "fraud.py", TOY)
    with pytest.raises(ft.PluginError, match="is named twice"):
        load_all([file, f"{file}:Toy"])


def test_two_plugins_of_one_name(install: Install, tmp_path: Path) -> None:
    install("ft-toy", "toy", "toy_pkg:Toy", {"toy_pkg.py": TOY})
    file = write(tmp_path, "toy.py", TOY)
    with pytest.raises(ft.PluginError) as caught:
        load_all(["toy", file])
    assert f"two plugins are called 'toy': 'toy' (ft-toy 1.2) and 'toy' ({file}:Toy)" in str(
        caught.value
    )


def test_thousands_of_wrong_names_are_told_as_a_few() -> None:
    names = [f"nothing{i}" for i in range(20_000)]
    started = time.process_time()
    with pytest.raises(Problems) as caught:
        load_all(names)
    assert time.process_time() - started < 5
    assert len(caught.value.errors) == 21
    assert "19,980 more of 20,000 names were not looked at" in str(caught.value.errors[-1])


def test_all_errors_come_together(tmp_path: Path) -> None:
    good = write(tmp_path, "fraud.py", TOY)
    with pytest.raises(Problems) as caught:
        load_all(["nothing_q", good, "./nothing.py"])
    assert len(caught.value.errors) == 2
    loaded, errors = try_load_all(["nothing_q", good])
    assert [one.name for one in loaded] == ["fraud"]
    assert len(errors) == 1
