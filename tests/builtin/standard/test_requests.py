"""How a request becomes a raw example, and what scoring and predicting need of a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import ft
from ft import Plugin, hookimpl
from ft.builtin import builtin
from ft.builtin.standard.requests import as_example
from ft.cli.main import main
from ft.engine.answer import answers
from ft.engine.predict import open_run
from ft.engine.run import LiveRun
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks
from ft.reporters.reporter import Reporter
from ft.runfolder.folder import RunFolder

TICKETS = '''
import ft


class Tickets(ft.Plugin):
    """A text made of two columns of the file."""

    Config = ft.DataConfig

    @ft.hookimpl
    def load_data(self, run):
        data = ft.read_split_tables(self.config, owner=self.name, run=run, columns=("subject", "team"))
        for split, rows in data.splits.items():
            data.splits[split] = rows.map(self.joined)
        data.schema = ft.Schema(
            texts=(ft.Text("text"),), label=ft.Label("team", ("a", "b"))
        )
        return data

    def joined(self, row):
        return {"text": f"{row['subject']} : {row['body']}"}

    @ft.hookimpl
    def read_request(self, run, request):
        if "subject" not in request:
            raise ft.DataError("a request needs a subject")
        return {**request, **self.joined(request)}

    @ft.hookimpl
    def evaluate(self, run, predictions):
        pairs = zip(predictions.items, predictions.examples["team"], strict=True)
        right = [item["label"] == team for item, team in pairs]
        return ft.Evaluation({"accuracy": ft.Metric(sum(right) / len(right))}, "accuracy")
'''

SHOUT = '''
import ft


class Shout(ft.Plugin):
    """Answers requests as if they were shouted."""

    @ft.hookimpl
    def read_request(self, inner, run, request):
        return {**inner(run, request), "shouted": True}
'''


@pytest.fixture(scope="module")
def tickets(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, with its files beside it."""
    folder = tmp_path_factory.mktemp("requests")
    (folder / "tickets.py").write_text(TICKETS)
    (folder / "shout.py").write_text(SHOUT)
    rows = [{"subject": f"house {i}", "body": "london", "team": "ab"[i % 2]} for i in range(40)]
    for split in ("train", "test"):
        lines = [json.dumps(row) + "\n" for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(lines))
    start(
        [str(folder / "tickets.py"), str(folder / "shout.py")],
        folder / "run",
        epochs=1,
        tickets={"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl")},
    )
    return folder


def test_a_task_reads_its_own_requests(tickets: Path) -> None:
    (found,) = ft.predict(tickets / "run", {"subject": "house", "body": "paris", "team": "a"})
    assert found["text"] == "house : paris"
    assert found["shouted"] is True  # a technique wraps it like any chain hook
    assert found["team"] == "a"  # kept, and hidden from the model
    assert found["label"] in ("a", "b")


def test_a_refused_request_gets_its_number(tickets: Path) -> None:
    good = {"subject": "house", "body": "paris"}
    with pytest.raises(ft.DataError, match="request 2: a request needs a subject"):
        ft.predict(tickets / "run", [good, {"body": "paris"}])


@pytest.mark.parametrize(
    ("request_", "needs"),
    [({"b": "x"}, "a request needs 'a'"), ("x", "a request needs 'b'"), ({}, "'a' and 'b'")],
)
def test_the_core_says_what_a_request_lacks(request_: Any, needs: str) -> None:
    schema = ft.Schema(texts=(ft.Text("a"), ft.Text("b")))
    run: Any = SimpleNamespace(data=SimpleNamespace(schema=schema))
    with pytest.raises(ft.DataError, match=needs):
        as_example(run, request_)
    assert as_example(run, {"a": "x", "b": "y", "c": 1}) == {"a": "x", "b": "y", "c": 1}


def test_what_is_no_example_is_refused(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bad(Plugin):
        @hookimpl
        def read_request(self, request: str | Mapping[str, Any]) -> Any:
            return [request]

    run = open_run(tickets / "run", Reporter(), builtin())
    bad = Bad()
    bad.seed("bad", 0)
    task = run.hooks.members[0]
    monkeypatch.delattr(type(task.plugin), "read_request")
    run.hooks = Hooks([task, Member("bad", bad, None, None)], run.hooks.builtin)
    with pytest.raises(ft.PluginError, match="read_request returned list") as caught:
        list(answers(run, [{"subject": "a"}]))
    assert "'bad'" in str(caught.value)


def test_scoring_and_predicting_need_no_training_data(
    tickets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tickets / "run"
    before = ft.evaluate(run).metrics["test"]["accuracy"].value
    train, test = tickets / "train.jsonl", tickets / "test.jsonl"
    train.rename(tickets / "gone.jsonl")
    try:
        # The test split has a file of its own, and other data is one.
        assert ft.evaluate(run).metrics["test"]["accuracy"].value == before
        assert main(["evaluate", str(run), "--data", str(test), "-q"]) == 0
        assert ft.predict(run, {"subject": "house", "body": "paris"})
        # The validation split was held out of the training data.
        assert main(["evaluate", str(run), "--split", "validation"]) == 2
        assert "tickets.train: " in capsys.readouterr().err
        test.rename(tickets / "gone too.jsonl")
        other = tmp_path / "other.jsonl"
        other.write_text((tickets / "gone too.jsonl").read_text())
        assert ft.evaluate(run, other).metrics["test"]["accuracy"].value == before
    finally:
        for name, path in (("gone.jsonl", train), ("gone too.jsonl", test)):
            if (tickets / name).exists():
                (tickets / name).rename(path)


@pytest.mark.parametrize("task", ["ner", "sentiment"])
def test_the_official_tasks_are_scored_without_their_training_data(
    task: str, go: Callable[..., Any], data_files: dict[str, Any], tmp_path: Path
) -> None:
    files = {
        split: tmp_path / f"{split}{Path(path).suffix}"
        for split, path in data_files[task].items()
        if split in ("train", "validation", "test")
    }
    for split, path in files.items():
        path.write_bytes(Path(data_files[task][split]).read_bytes())
    settings = data_files[task] | {split: str(path) for split, path in files.items()}
    result = go([task, "augment"], tmp_path / "run", max_steps=4, **{task: settings})
    files["train"].unlink()
    again = ft.evaluate(result.output)
    for name, metric in result.metrics["test"].items():
        assert again.metrics["test"][name].value == pytest.approx(metric.value, abs=1e-6)
    other = files["test"].rename(tmp_path / f"other{files['test'].suffix}")
    again = ft.evaluate(result.output, other)
    for name, metric in result.metrics["test"].items():
        assert again.metrics["test"][name].value == pytest.approx(metric.value, abs=1e-6)


def test_code_of_a_model_is_trusted_by_nothing_but_the_flag(
    tickets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tickets / "run"
    seen = []
    loading = LiveRun.load

    def load(self: LiveRun, *arguments: Any, **settings: Any) -> Any:
        seen.append(self.config.trust_remote_code)
        return loading(self, *arguments, **settings)

    monkeypatch.setattr(LiveRun, "load", load)
    config = run / "config.toml"
    saved = config.read_text()
    try:
        config.write_text(saved.replace("trust_remote_code = false", "trust_remote_code = true"))
        assert "trust_remote_code = true" in config.read_text()
        request = {"subject": "house", "body": "paris"}
        ft.predict(run, request)
        assert main(["evaluate", str(run), "-q"]) == 0
        assert set(seen) == {False}
        seen.clear()
        ft.predict(run, request, trust_remote_code=True)
        assert main(["evaluate", str(run), "-q", "--trust-remote-code"]) == 0
        assert set(seen) == {True}
    finally:
        config.write_text(saved)


def test_a_model_with_code_of_its_own_says_the_way(tickets: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tickets / "run", tmp_path / "run"))
    path = run / "model" / "config.json"
    config = json.loads(path.read_text())
    config |= {"model_type": "odd", "auto_map": {"AutoConfig": "odd.OddConfig"}}
    (run / "model" / "odd.py").write_text("raise SystemExit('it ran')\n")
    path.write_text(json.dumps(config))
    folder = RunFolder(run)
    task = folder.read_sealed(folder.task)
    del task["model"]["config.json"]
    folder.write_sealed(folder.task, task)
    with pytest.raises(ft.ConfigError, match="give --trust-remote-code if you trust it"):
        ft.predict(run, {"subject": "house", "body": "paris"})


def test_a_text_keeps_the_words_that_the_tokenizer_would_cut_off(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer("house", truncation=True, max_length=4, padding="max_length")
    schema = ft.Schema(words=ft.Words("tokens", "tags", ("O",)))
    run: Any = SimpleNamespace(data=SimpleNamespace(schema=schema), tokenizer=tokenizer)
    example = as_example(run, " ".join(["house"] * 50))
    assert example["tokens"] == ["house"] * 50
    assert example["offsets"][-1] == [294, 299]
