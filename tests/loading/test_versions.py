"""Plugins made for another ft, and runs that are used with other plugins than they were made with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft import Plugin, hookimpl
from ft.builtin.standard.plugin import Standard
from ft.contract import hookspecs
from ft.contract.errors import Problems
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks
from ft.loading.load import load

Install = Callable[..., Path]

CODE = "import ft\n\nclass Shout(ft.Plugin):\n    loud = {loud}\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs the distribution ``ft-shout``: its metadata, an entry point, its module."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def install(*requires: str, version: str = "1.2", code: str = CODE.format(loud=1)) -> Path:
        shutil.rmtree(site)
        info = site / f"ft_shout-{version}.dist-info"
        info.mkdir(parents=True)
        needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: ft-shout\nVersion: {version}\n{needs}"
        )
        (info / "entry_points.txt").write_text("[ft.plugins]\nshout = ft_shout_q:Shout\n")
        (site / "ft_shout_q.py").write_text(code)
        sys.modules.pop("ft_shout_q", None)
        return site

    yield install  # type: ignore[misc]
    sys.modules.pop("ft_shout_q", None)


@pytest.mark.parametrize(
    "requires",
    [
        (),
        ("ft-core",),
        (f"ft-core>={ft.__version__}",),
        ("ft-core>=0.1,<0.2", "torch>=99"),
        ("ft-core-extras>=9",),
        ("ft-core>=9; python_version < '3'",),
        ("ft-core>=9; extra == 'next'",),
    ],
)
def test_a_plugin_for_this_ft(install: Install, requires: tuple[str, ...]) -> None:
    install(*requires)
    assert load("shout").version == "1.2"


@pytest.mark.parametrize("requirement", ["ft-core>=9.1", "FT_Core (>=9.1)", "ft.core>=9.1"])
@pytest.mark.parametrize("spec", ["shout", "ft_shout_q:Shout"])
def test_a_plugin_for_a_newer_ft_is_refused_and_not_imported(
    install: Install, requirement: str, spec: str
) -> None:
    install(requirement, code="raise SystemExit('imported')")
    with pytest.raises(ft.PluginError) as caught:
        load(spec)
    message = str(caught.value)
    assert f"needs ft-core >=9.1, and this is {ft.__version__}" in message
    assert "(ft-shout 1.2)" in message
    assert "pip install 'ft-core>=9.1'" in message


def test_a_requirement_that_cannot_be_read_is_refused(install: Install) -> None:
    install("ft-core >=> 1")
    with pytest.raises(ft.PluginError, match="'ft-core >=> 1', which cannot be read"):
        load("shout")


class Task(Standard):
    @hookimpl
    def load_data(self, run: Any) -> Any: ...

    @hookimpl
    def encode(self, examples: Any) -> Any: ...

    @hookimpl
    def build_head(self, data: Any) -> Any: ...

    @hookimpl
    def compute_loss(self, batch: Any) -> Any: ...

    @hookimpl
    def decode(self, outputs: Any) -> Any: ...

    @hookimpl
    def evaluate(self, predictions: Any) -> Any: ...

    @hookimpl
    def read_request(self, request: Any) -> Any: ...


def hooks(*plugins: Plugin) -> Hooks:
    members = [Member(f"p{i}", plugin, "ft-p", "1") for i, plugin in enumerate(plugins)]
    core = Member("core", Task(), None, None)
    for member in [*members, core]:
        member.plugin.seed(member.name, 0)
    return Hooks(members, [core])


def test_a_removed_hook_is_refused_with_the_version_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Old(Plugin):
        @hookimpl
        def collate(self, inner: Any) -> Any: ...

    monkeypatch.setitem(hookspecs.REMOVED, "collate", "it was last in ft 0.3; wrap encode instead")  # type: ignore[misc]
    with pytest.raises(ft.PluginError) as caught:
        hooks(Old())
    assert "the hook 'collate' is no longer there" in str(caught.value)
    assert "last in ft 0.3; wrap encode instead" in str(caught.value)
    assert "plugin 'p0' (ft-p 1)" in str(caught.value)


def test_a_deprecated_hook_works_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old(Plugin):
        @hookimpl
        def decode(self, inner: Any, outputs: Any) -> Any:
            return "old"

    monkeypatch.setattr(hookspecs.decode, "ft_deprecated", "since 0.2, gone with 0.4: use x")
    made = hooks(Old())
    assert made.call("decode", None, [], {}) == "old"
    assert made.notes == [
        "plugin 'p0' (ft-p 1) uses the hook decode, deprecated since 0.2, gone with 0.4: use x"
    ]
    assert hooks(Plugin()).notes == []


def test_a_note_on_a_deprecated_hook_reaches_the_record(
    go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hookspecs.on_run_end, "ft_deprecated", "since 0.2")
    notes = go(["words", "count"], max_steps=1).record["notes"]
    assert "plugin 'count' uses the hook on_run_end, deprecated since 0.2" in notes


# Provenance


SPLIT = """
import ft

class Shout(ft.Plugin):
    @ft.hookimpl
    def on_epoch_end(self, run, epoch):
        if {fails} and epoch == 1:
            raise RuntimeError("stopped")
"""


def test_a_run_says_which_plugins_it_is_made_with_before_it_trains(
    go: Any, install: Install, tmp_path: Path
) -> None:
    install(code=SPLIT.format(fails=True))
    with pytest.raises(RuntimeError, match="stopped"):
        go(["words", "shout"], tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "plugins.json").read_text())
    words, shout = kept["plugins"]
    assert kept["ft"] == ft.__version__
    assert (shout["name"], shout["distribution"], shout["version"]) == ("shout", "ft-shout", "1.2")
    assert len(shout["files"]["ft_shout_q.py"]) == 64
    assert words["distribution"] is None


def test_a_resume_with_other_plugins_is_refused_unless_that_is_allowed(
    go: Any, install: Install, tmp_path: Path
) -> None:
    install(code=SPLIT.format(fails=True))
    with pytest.raises(RuntimeError, match="stopped"):
        go(["words", "shout"], tmp_path / "run", epochs=2, checkpoint_steps=2)
    install(code=SPLIT.format(fails=False), version="1.3")
    with pytest.raises(ft.UserError) as caught:
        ft.run(resume=tmp_path / "run")
    message = str(caught.value)
    assert "the plugin 'shout' is not the one that the run was made with" in message
    assert "ft-shout 1.3, not ft-shout 1.2 (changed: ft_shout_q.py)" in message
    assert "plugins.json" in message
    assert "--allow-changed" in message
    result = ft.run(resume=tmp_path / "run", allow_changed=True)
    assert [note for note in result.record["notes"] if "ft-shout 1.3, not ft-shout 1.2" in note]
    # From here on the run is one of the new version's.
    assert ft.predict(tmp_path / "run", [{"tokens": ["anna"]}], strict=True)


def test_predicting_and_scoring_compare_too(
    go: Any, install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ft.cli.main import main

    install()
    run = go(["words", "shout"], max_steps=1).output
    assert main(["evaluate", str(run), "--strict", "-q"]) == 0
    install(code=CODE.format(loud=2))
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    assert (
        "note: the plugin 'shout' is not the one that the run was made with: changed: ft_shout_q.py"
        in capsys.readouterr().out
    )
    assert main(["evaluate", str(run), "--strict"]) == 2
    assert "changed: ft_shout_q.py" in capsys.readouterr().err
    with pytest.raises(ft.PluginError, match=r"leave out --strict"):
        ft.evaluate(run, strict=True)
    with pytest.raises(ft.PluginError, match=r"changed: ft_shout_q\.py"):
        ft.predict(run, [{"tokens": ["anna"]}], strict=True)
    assert ft.predict(run, [{"tokens": ["anna"]}])[0]["tags"]


def test_every_difference_is_told(go: Any, install: Install) -> None:
    install()
    run = go(["words", "shout"], max_steps=1).output
    kept = json.loads((run / "plugins.json").read_text())
    kept["ft"] = "0.0.1"
    kept["plugins"][1]["files"] |= {"gone.py": "0", "ft_shout_q.py": "0"}
    kept["plugins"].append({**kept["plugins"][1], "name": "third"})
    kept["plugins"].pop(0)
    (run / "plugins.json").write_text(json.dumps(kept))
    with pytest.raises(Problems) as caught:
        ft.evaluate(run, strict=True)
    message = str(caught.value)
    assert f"this is ft {ft.__version__}, the run was made with ft 0.0.1" in message
    assert "changed: ft_shout_q.py; gone: gone.py" in message
    assert "the plugin 'words' was not there when the run was made" in message
    assert "the plugin 'third' of the run is not there now" in message
    (run / "plugins.json").unlink()
    with pytest.raises(ft.PluginError, match="does not say which plugins it was made with"):
        ft.evaluate(run, strict=True)
