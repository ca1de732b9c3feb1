"""Commands that installed distributions add."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ft.cli.main import main

COUNT = '''
import typer
import ft

print("imported: count")


def count(words: list[str], times: int = 1, upset: str = "") -> None:
    """Count words.

    This part is for `ft count --help` alone.
    """
    if upset == "user":
        raise ft.UserError("there are no words", where="words.txt:3", hint="write some")
    if upset == "bug":
        raise ValueError("one too many")
    if upset == "stop":
        raise KeyboardInterrupt
    if upset == "typer":
        raise typer.BadParameter("not that one")
    typer.echo(len(words) * times)


@ft.run_options(seed="The first one.")
def again(options: ft.RunOptions, times: int = 1) -> None:
    """Settle the settings."""
    resolved = options.resolve()
    names = [one.name for one in resolved.plugins]
    typer.echo(f"{names} {resolved.run.seed} {resolved.run.epochs} {times}")


app = typer.Typer(help="Manage counters.")


@app.command()
def reset() -> None:
    """Set all to zero."""
    raise ft.UserError("there is no counter")


@app.command()
def show(debug: bool = False) -> None:
    """Show all."""
    typer.echo(f"shown, debug {debug}")


wrong = 3
'''

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one command on the path."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "counting.py").write_text(COUNT)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "counting", raising=False)

    def put(
        name: str,
        target: str = "counting:count",
        distribution: str = "ft-counting",
        needs: str = "",
    ) -> None:
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\nSummary: Counts things.\n"
            + (f"Requires-Dist: {needs}\n" if needs else "")
        )
        (info / "entry_points.txt").write_text(f"[ft.commands]\n{name} = {target}\n")

    return put


def test_help_lists_it_with_the_first_line_of_its_docstring_and_imports_nothing(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("count")
    install("counters", "counting:app", "ft-more")
    install("odd", "counting:wrong", "ft-odd")
    install("gone", "no_such_module:count", "ft-gone")
    assert main(["--help"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["count"].split(maxsplit=1)[1] == "Count words."
    assert lines["counters"].split(maxsplit=1)[1] == "Manage counters."
    assert lines["odd"].split(maxsplit=1)[1] == "Counts things."
    assert lines["gone"].split(maxsplit=1)[1] == "Counts things."
    assert "counting" not in sys.modules


def test_only_the_typed_one_is_imported(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("count")
    assert main(["plugins", "list"]) == 0
    assert "counting" not in sys.modules
    assert main(["count", "a", "b", "--times", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["imported: count", "6"]


def test_its_own_help(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("count")
    assert main(["count", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "This part is for" in shown
    assert "--times" in shown
    assert "--debug" in shown


@pytest.mark.parametrize(
    ("upset", "code", "said"),
    [
        ("user", 2, ["error: words.txt:3: there are no words", "  to do: write some"]),
        (
            "bug",
            1,
            [
                "error: ValueError: one too many",
                "  in: command 'count' (ft-counting 1.2)",
                "  to do: run with --debug for the traceback",
            ],
        ),
        ("stop", 130, ["interrupted"]),
    ],
)
def test_it_fails_as_the_commands_of_the_core_do(
    install: Install,
    capsys: pytest.CaptureFixture[str],
    upset: str,
    code: int,
    said: list[str],
) -> None:
    install("count")
    assert main(["count", "a", "--upset", upset]) == code
    assert capsys.readouterr().err.splitlines() == said
    assert main(["count", "a", "--upset", upset, "--debug"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_what_typer_raises_stays_typers(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("count")
    assert main(["count", "a", "--upset", "typer"]) == 2
    assert "Invalid value: not that one" in capsys.readouterr().err
    assert main(["count"]) == 2
    assert "Missing argument" in capsys.readouterr().err


def test_a_typer_app_brings_commands_below_it(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("counters", "counting:app")
    assert main(["counters", "show", "--debug"]) == 0
    assert "shown, debug True" in capsys.readouterr().out
    assert main(["counters", "reset"]) == 2
    assert capsys.readouterr().err == "error: there is no counter\n"


@pytest.mark.parametrize(
    ("name", "others", "owners"),
    [
        ("count", ["ft-more"], "'count' is offered by ft-counting 1.2 and by ft-more 1.2"),
        ("run", [], "'run' is offered by ft-core and by ft-counting 1.2"),
    ],
)
def test_two_of_one_name_are_refused(
    install: Install,
    capsys: pytest.CaptureFixture[str],
    name: str,
    others: list[str],
    owners: str,
) -> None:
    install(name)
    for distribution in others:
        install(name, distribution=distribution)
    assert main([name, "a"]) == 2
    assert owners in capsys.readouterr().err
    assert "counting" not in sys.modules
    assert main(["--help"]) == 0
    assert ("uninstall one" in capsys.readouterr().out) == bool(others)


def test_what_is_no_command_is_refused(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("odd", "counting:wrong")
    install("gone", "no_such_module:count", "ft-gone")
    install("lost", "counting:nothing", "ft-lost")
    install("later", "counting:count", "ft-later", needs="ft-core>=99")
    for name, said in {
        "odd": "counting:wrong is neither a function nor a typer.Typer",
        "gone": "ModuleNotFoundError: No module named 'no_such_module'",
        "lost": "has no attribute 'nothing'",
        "later": "it needs ft-core >=99",
    }.items():
        assert main([name]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert f"command '{name}'" in error


def test_a_misspelt_one_is_suggested(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("count")
    assert main(["cuont"]) == 2
    assert "did you mean 'count'?" in capsys.readouterr().err


def test_the_help_loads_nothing_heavy(install: Install, tmp_path: Path) -> None:
    install("count")
    heavy = ("torch", "numpy", "transformers", "datasets", "pydantic", "ft_study")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from ft.cli.main import main; "
        f"main(['--help']); print(*sorted({set(heavy)!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Count words." in done.stdout
    assert done.stdout.splitlines()[-1] == ""


def test_it_takes_the_options_of_a_run(
    install: Install,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    install("again", "counting:again")
    (tmp_path / "a.toml").write_text("[run]\nseed = 3\nepochs = 2\n")
    given = ["again", "-p", "ner", "-p", "augment", "-c", str(tmp_path / "a.toml")]
    assert main([*given, "-o", "run.epochs=5", "--seed", "0", "--times", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "['ner', 'augment'] 0 5.0 2"
    assert main(["again", "-p", "ner", "--epochs", "0", "-o", "run.sed=1"]) == 2
    said = capsys.readouterr().err
    assert "--epochs: run.epochs is 0" in said
    assert "-o run.sed=1: there is no setting 'run.sed'" in said


def test_the_options_of_a_run_in_its_help(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("again", "counting:again")
    assert main(["again", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "The first one." in shown
    assert "Seed of every random number." not in shown
    assert main(["run", "--help"]) == 0
    common = [line.strip() for line in capsys.readouterr().out.splitlines() if "--epochs" in line]
    assert common[0] in shown


def test_a_command_that_takes_no_options_of_a_run_is_told() -> None:
    import ft

    with pytest.raises(TypeError, match="no argument annotated RunOptions"):
        ft.run_options()(lambda times: None)
    with pytest.raises(TypeError, match="no option 'sed'"):
        ft.run_options(sed="The first one.")
