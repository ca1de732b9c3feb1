"""`ft tune`, with runs that only pretend: what is tried, what counts, what is left."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ft
from ft.cli.main import main
from ft_study.tune.storage import storage_name

Tune = Callable[..., Any]
RATE = "run.learning_rate"


def rates(result: Any) -> list[float]:
    return [row["values"][RATE] for row in result["trials"]]


def test_the_result_is_the_best_of_what_was_tried(tune: Tune, fake: Any, tmp_path: Path) -> None:
    result = tune("--trials", "12")
    folder = tmp_path / "search"
    assert rates(result) == fake.rates
    assert len(set(fake.rates)) == 12
    best = max(result["trials"], key=lambda row: row["value"] or 0)
    assert result["best"] == best
    assert best["value"] > result["trials"][0]["value"]
    assert best["run"] == str(folder / "runs" / f"{best['number']:04}")
    assert Path(best["run"]).is_dir()
    assert json.loads((folder / "tune.json").read_text()) == result
    settings = ft.resolve(None, file=folder / "best.toml")
    assert settings.run.learning_rate == best["values"][RATE]
    assert settings.run.epochs == 3
    assert [one.name for one in settings.plugins] == ["kit-words"]
    assert result["importances"] == {RATE: 1.0}


def test_the_page_has_every_trial_and_what_matters(tune: Tune, fake: Any, tmp_path: Path) -> None:
    def diverge(number: int) -> None:
        if number == 1:
            raise ft.TrainingError("the loss is <b>nan</b>")

    fake.before = diverge
    result = tune("--trials", "12", "--search", "run.warmup=0..0.3")
    page = (tmp_path / "search" / "tune.html").read_text()
    assert set(result["importances"]) == {RATE, "run.warmup"}
    drawn = page[page.index("<svg") : page.index("</svg>")]
    assert RATE in drawn
    assert "run.warmup" in drawn
    assert page[page.index("All trials") :].count("<tr>") == 1 + 12
    assert f"{result['best']['value']:.4f}" in page
    assert "the loss is &lt;b&gt;nan&lt;/b&gt;" in page
    assert "<script" not in page
    assert "src=" not in page


def test_the_first_trial_has_the_settings_as_they_are_given(tune: Tune, fake: Any) -> None:
    assert rates(tune("--trials", "2", "-o", f"{RATE}=2e-4"))[0] == 2e-4


def test_the_same_command_does_what_is_left_and_no_more(tune: Tune, fake: Any) -> None:
    first = tune("--trials", "3")
    assert tune("--trials", "3") == first
    assert len(fake.rates) == 3
    assert tune("--trials", "5")["trials"][:3] == first["trials"]
    assert len(fake.rates) == 5


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt, pytest.param(SystemExit, marks=pytest.mark.long)]
)
def test_a_search_that_was_stopped_goes_on_as_it_would_have(
    tune: Tune, arguments: Callable[..., list[str]], fake: Any, tmp_path: Path, end: type
) -> None:
    """Asked to stop, or ended without a word, in its fourth trial."""
    whole = rates(tune("--trials", "14", "--output", str(tmp_path / "whole")))
    fake.rates.clear()

    def stop(number: int) -> None:
        if number == 3:
            raise end(9)

    fake.before = stop
    assert main(arguments("--trials", "14")) == (130 if end is KeyboardInterrupt else 9)
    assert rates(tune("--trials", "14")) == whole
    assert fake.rates == [*whole[:4], *whole[3:]]


def test_a_trial_that_kills_its_process_again_and_again_is_given_up(
    tune: Tune, arguments: Callable[..., list[str]], fake: Any
) -> None:
    def die(number: int) -> None:
        if fake.rates[-1] == fake.rates[0]:
            raise SystemExit(9)

    fake.before = die
    for _ in range(3):
        assert main(arguments("--trials", "2")) == 9
    result = tune("--trials", "2")
    assert [row["state"] for row in result["trials"]] == ["failed", "done"]
    assert "killed 3 times" in result["trials"][0]["error"]


def test_a_failure_counts_and_the_search_goes_on(tune: Tune, fake: Any) -> None:
    def diverge(number: int) -> None:
        if number in (0, 2):
            raise ft.TrainingError("the loss is nan")

    fake.before = diverge
    states = [row["state"] for row in tune("--trials", "4")["trials"]]
    assert states == ["failed", "done", "failed", "done"]


def test_three_failures_in_a_row_end_the_search(tune: Tune, fake: Any) -> None:
    def diverge(number: int) -> None:
        raise ft.TrainingError("the disk is full")

    fake.before = diverge
    assert "the disk is full" in tune("--trials", "9", code=1)
    assert len(fake.rates) == 3


def test_wrong_input_ends_it_at_once_and_counts_for_nothing(tune: Tune, fake: Any) -> None:
    def refuse(number: int) -> None:
        if number == 0:
            raise ft.DataError("there is no such file", where="train.conll")

    fake.before = refuse
    assert "train.conll: there is no such file" in tune("--trials", "2", code=2)
    result = tune("--trials", "2")
    assert [row["state"] for row in result["trials"]] == ["done", "done"]
    assert rates(result)[0] == 5e-5


def test_no_values_are_tried_twice(tune: Tune, fake: Any) -> None:
    result = tune("--trials", "9", search="run.batch_size=8,16,32")
    tried = [row["values"]["run.batch_size"] for row in result["trials"]]
    assert sorted(tried) == [8, 16, 32]
    assert len(fake.rates) == 3


def test_where_lower_is_better_the_lowest_wins(tune: Tune, fake: Any) -> None:
    fake.lower = True
    result = tune("--trials", "6")
    assert result["best"]["value"] == min(row["value"] for row in result["trials"])


def test_bad_trials_are_stopped_early(tune: Tune, fake: Any) -> None:
    result = tune("--trials", "25")
    stopped = [row for row in result["trials"] if row["state"] == "stopped"]
    assert stopped
    assert all(row["epoch"] < 3 for row in stopped)
    assert min(fake.epochs) == 1
    assert result["best"]["state"] == "done"


def test_without_pruning_all_run_to_their_end(tune: Tune, fake: Any) -> None:
    result = tune("--trials", "8", "--no-prune")
    assert {row["state"] for row in result["trials"]} == {"done"}
    assert set(fake.epochs) == {3}


def test_another_search_in_the_folder_is_refused(tune: Tune, fake: Any) -> None:
    tune("--trials", "1")
    assert "other settings; not the same: run.seed" in tune("--seed", "4", code=2)
    assert "other ranges; not the same: run.warmup" in tune("--search", "run.warmup", code=2)
    assert "other storage" in tune("--storage", "journal:other.log", code=2)


def test_a_folder_of_something_else_is_left_alone(tune: Tune, tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "thesis.tex").touch()
    assert "something else in this folder" in tune(code=2)


def test_searched_is_what_declares_a_range_and_is_not_given(tune: Tune, tmp_path: Path) -> None:
    found = tune("--explain", search=None)
    assert set(found) == {"run.learning_rate", "run.warmup"}
    assert found["run.learning_rate"]["log"] is True
    assert not (tmp_path / "search").exists()


def test_every_wrong_range_is_said_before_anything_is_trained(tune: Tune) -> None:
    said = tune("--search", "run.epochs=3", "--search", "run.clip", code=2)
    assert "--search run.epochs=3: not a range" in said
    assert "--search run.clip: this setting declares no range" in said
    said = tune(code=2, search="run.learnin_rate=1e-5..1e-3")
    assert "did you mean 'run.learning_rate'" in said
    assert "--search run.learnin_rate=1e-5..1e-3" in said
    assert "begins above 0" in tune(code=2, search="run.learning_rate=-1..1")
    assert "whole numbers" in tune(code=2, search="run.batch_size=1..2.5")


def test_a_launcher_of_several_processes_is_refused(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "start the same `ft tune` once for each GPU" in tune(code=2)


def test_a_journal_holds_a_study_too(tune: Tune, fake: Any, tmp_path: Path) -> None:
    storage = f"journal:{tmp_path / 'shared' / 'search.log'}"
    first = tune("--trials", "2", "--storage", storage, "--study", "names")
    assert first["study"] == "names"
    other = str(tmp_path / "elsewhere")
    both = tune("--trials", "3", "--storage", storage, "--study", "names", "--output", other)
    assert both["trials"][:2] == first["trials"]
    assert both["trials"][2]["run"] == str(tmp_path / "elsewhere" / "runs" / "0002")


def test_a_storage_that_cannot_be_opened_says_what_to_install(tune: Tune) -> None:
    pytest.importorskip("sqlalchemy")
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        said = tune("--storage", "postgresql://me:secret@localhost/optuna", code=2)
        assert "pip install psycopg" in said
        assert "secret" not in said
    assert "no storage" in tune("--storage", "nowhere", code=2)


def test_a_password_is_not_kept() -> None:
    assert storage_name("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"


def helper(arguments: list[str], log: Path) -> None:
    """Another process that works on the same search; each of its runs leaves a line."""
    from ft_study.tune import search

    pretended = search.run_trial

    def noted(base: Any, values: Any, folder: Path, judge: Any) -> Any:
        with log.open("a") as file:
            file.write(f"{folder.name} {os.getpid()}\n")
        return pretended(base, values, folder, judge)

    search.run_trial = noted  # type: ignore[assignment]
    os._exit(main(arguments))


@pytest.mark.parametrize("storage", [pytest.param("sqlite", marks=pytest.mark.long), "journal"])
def test_processes_that_share_a_study_run_no_trial_twice(
    arguments: Callable[..., list[str]], tune: Tune, fake: Any, tmp_path: Path, storage: str
) -> None:
    more = ["--trials", "12", "--quiet"]
    if storage == "journal":
        more += ["--storage", f"journal:{tmp_path / 'search.log'}"]
    log = tmp_path / "runs.txt"
    context = multiprocessing.get_context("fork")
    command = arguments(*more)
    several = [context.Process(target=helper, args=(command, log)) for _ in range(3)]
    for one in several:
        one.start()
    for one in several:
        one.join(120)
    assert [one.exitcode for one in several] == [0, 0, 0]
    numbers = [line.split()[0] for line in log.read_text().splitlines()]
    assert len(numbers) == len(set(numbers)) == 12
    result = tune(*more)
    assert len(result["trials"]) == 12
    assert len(set(rates(result))) == 12
    assert fake.rates == []


def test_without_optuna_it_says_in_a_sentence_what_to_install(
    tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tune(code=2).strip().endswith("`ft tune` needs Optuna: pip install 'ft-study[tune]'")


def test_the_command_is_described_without_optuna() -> None:
    code = "import sys; sys.modules['optuna'] = None; import ft_study.tune.command, ft_study.tune.space"
    subprocess.run([sys.executable, "-c", code], check=True)
