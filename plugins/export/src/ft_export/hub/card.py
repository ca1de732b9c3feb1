"""The model card, ``model/README.md``, written from a run's record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ft import DataError, Schema, UserError

CARD = "README.md"
PIPELINES = {"tags": "token-classification", "label": "text-classification"}
"""What the hub calls the tasks that transformers has a pipeline for."""

SHOWN = 30
"""Classes that are listed one by one."""


def read_run(folder: Path) -> tuple[dict[str, Any], Schema, int]:
    """The record of a finished run, its schema, and the tokens of its window.

    Raises:
        UserError: there is no finished run in the folder.
        DataError: its files are damaged.
    """
    try:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        return record, Schema.from_json(task["schema"]), int(task["max_length"])
    except FileNotFoundError as error:
        raise UserError(
            "there is no finished run here",
            where=str(folder),
            hint="give the folder that `ft run` printed at its end",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"is damaged: {error}", where=str(folder)) from error


def make_card(
    folder: Path, name: str, *, licence: str | None = None, languages: Sequence[str] = ()
) -> str:
    """The card of a run, with the metadata that the hub reads.

    Args:
        folder: of the finished run.
        name: of the model on the hub, ``owner/name``, or that of the folder.
        licence: as the hub spells it, such as ``apache-2.0``; ``None``: a field to fill in.
        languages: of the texts, by their codes, such as ``en``.

    Raises:
        ft.UserError: there is no finished run in the folder.
    """
    record, schema, window = read_run(folder)
    text = "\n".join(_parts(folder, record, schema, window, name, licence))
    data = _metadata(record, schema, name, licence, list(languages))
    content = f"---\n{data.to_yaml()}\n---\n\n{text}"
    ModelCard(
        content
    )  # parses the metadata as the hub's own client does, and raises where it cannot
    return content


def _metadata(
    record: Mapping[str, Any],
    schema: Schema,
    name: str,
    licence: str | None,
    languages: list[str],
) -> ModelCardData:
    pipeline = _pipeline(schema)
    results = [
        EvalResult(
            task_type=pipeline or "other",
            dataset_type="own-data",
            dataset_name=_dataset(record, split),
            dataset_split=split,
            dataset_args={"fingerprint": record["data"].get(split, {}).get("fingerprint")},
            metric_type=metric,
            metric_value=value["value"],
            metric_args=None
            if value.get("low") is None
            else {"low": value["low"], "high": value["high"], "confidence": 0.95},
        )
        for split, metrics in record["metrics"].items()
        for metric, value in metrics.items()
        if "/" not in metric and _is_number(value["value"])
    ]
    return ModelCardData(
        # A folder, whose weights the record has the hashes of, is no name on the hub.
        base_model=None if record["model"].get("files") else str(record["model"]["path"]),
        eval_results=results or None,
        language=languages or None,
        library_name="onnx" if record.get("export") else "transformers",
        license=licence,
        model_name=name.rpartition("/")[2],
        pipeline_tag=pipeline,
        tags=["ft", *(str(one["name"]) for one in record["plugins"])],
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) != float("inf")


def _pipeline(schema: Schema) -> str | None:
    if len(schema.targets) != 1 or schema.images:
        return None
    return PIPELINES.get("tags" if schema.words else "label" if schema.label else "")


def _dataset(record: Mapping[str, Any], split: str) -> str:
    files = record["data"].get(split, {}).get("files") or []
    return ", ".join(Path(one).name for one in files) or "own data"


def _parts(
    folder: Path,
    record: Mapping[str, Any],
    schema: Schema,
    window: int,
    name: str,
    licence: str | None,
) -> Iterator[str]:
    plugins = [str(one["name"]) for one in record["plugins"]]
    yield f"# {name}\n"
    how = "Trained further" if "from_run" in plugins else "Fine-tuned"
    yield f"{_does(schema)} {how} with ft (`{', '.join(plugins)}`) from `{_base(record)}`.\n"
    yield from _scores(folder, record)
    yield from _data(record)
    yield from _limits(record, schema, window)
    if record.get("export"):
        yield from _export(record["export"])
    yield from _costs(record)
    yield from _use(record, schema, name)
    yield "## Licence\n"
    yield (
        f"`{licence}`, as the head of this file says.\n"
        if licence
        else "**To be filled in**: `license:` in the head of this file. The licences of the pre-trained "
        "model and of the data bind this model too.\n"
    )


def _does(schema: Schema) -> str:
    if schema.words and schema.words.tags:
        kinds = sorted({one.partition("-")[2] or one for one in schema.words.labels} - {"O"})
        return f"Marks words of a text: {_listed(kinds)}."
    if schema.label:
        label = schema.label
        what = {
            "single": f"Tells which of these a text is: {_listed(label.names)}.",
            "multi": f"Tells which of these hold for a text: {_listed(label.names)}.",
            "ordinal": f"Puts a text on a scale: {_listed(label.names)}.",
            "number": f"Predicts a number for a text: {label.column}.",
        }
        return what[label.kind]
    targets = ", ".join(f"`{one.column}` ({one.kind})" for one in schema.targets)
    return f"Predicts {targets}." if targets else "Ranks items."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{one}`" for one in names[:SHOWN]) + more


def _base(record: Mapping[str, Any]) -> str:
    path = Path(str(record["model"]["path"]))
    if path.name == "model" and len(path.parts) > 1:  # of a run, which is known by its folder
        return path.parent.name
    return path.name if path.is_absolute() else str(path)


def _scores(folder: Path, record: Mapping[str, Any]) -> Iterator[str]:
    yield "## Scores\n"
    for split, metrics in record["metrics"].items():
        rows = record["data"].get(split, {}).get("examples")
        plain = {key: one for key, one in metrics.items() if "/" not in key}
        yield f"On {split}" + (f", {rows:,} examples:\n" if rows else ":\n")
        yield "| metric | value | 95 % interval |\n|---|---|---|"
        yield from (
            f"| {key} | {_number(one['value'])} | {_interval(one)} |" for key, one in plain.items()
        )
        yield ""
        if split == list(record["metrics"])[-1]:
            yield from _tables(folder, split)
    yield (
        f"The model was chosen by `{record.get('main')}`"
        + (" on the validation split" if record.get("best") else "")
        + "; the test split was scored once, at the end. Intervals are bootstrap intervals over the "
        f"examples of the split; they say nothing of other data. Seed {record.get('seed')}.\n"
    )
    for row in [record["baselines"]] if record.get("baselines") else []:
        yield f"Simple baselines, {row['metric']} on {row['split']}:\n"
        yield "| baseline | value |\n|---|---|"
        yield from (f"| {key} | {_number(value)} |" for key, value in row["values"].items())
        yield ""


def _tables(folder: Path, split: str) -> Iterator[str]:
    """The tables of an evaluation, such as the scores of each class."""
    path = folder / "predictions" / f"{split}.tables.json"
    for table in json.loads(path.read_text(encoding="utf-8")) if path.exists() else ():
        columns = [str(one) for one in table["columns"]]
        yield f"{table['title']}:\n"
        yield f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
        for row in table["rows"][:SHOWN]:
            cells = (_number(one) if isinstance(one, float) else str(one) for one in row)
            yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
        more = len(table["rows"]) - SHOWN
        yield f"\n{more} more rows are in the run's folder.\n" if more > 0 else ""
        if table.get("note"):
            yield f"{table['note']}\n"


def _number(value: Any) -> str:
    return f"{value:.4f}" if _is_number(value) else str(value)


def _interval(metric: Mapping[str, Any]) -> str:
    if metric.get("low") is None or metric.get("high") is None:
        return ""
    return f"{metric['low']:.4f} to {metric['high']:.4f}"


def _data(record: Mapping[str, Any]) -> Iterator[str]:
    yield "## Data\n"
    yield "| split | examples | files | fingerprint |\n|---|---|---|---|"
    for split, row in record["data"].items():
        mark = str(row["fingerprint"])[:16]
        yield f"| {split} | {row['examples']:,} | {_dataset(record, split)} | `{mark}` |"
    yield ""
    counts = record["data"].get("train", {}).get("statistics", {}).get("labels", {})
    if counts.get("counts"):
        items = sorted(counts["counts"].items(), key=lambda one: -one[1])
        told = ", ".join(f"`{key}` {value:,}" for key, value in items[:SHOWN])
        more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
        yield f"In training ({counts.get('of', 'labels')}): {told}{more}.\n"


def _limits(record: Mapping[str, Any], schema: Schema, window: int) -> Iterator[str]:
    yield "## Limits\n"
    if not schema.images:
        yield f"- The model sees {window} tokens at a time."
    if schema.words:
        yield "- Longer texts are read in windows by ft; a pipeline of transformers cuts them."
    for column, one in (
        record["data"].get("train", {}).get("statistics", {}).get("lengths", {}).items()
    ):
        yield (
            f"- Texts of training (`{column}`) have {one['median']:,.0f} {one['unit']} in the median, "
            f"{one['max']:,.0f} at most: nothing was measured beyond."
        )
    for finding in record.get("findings", []):
        if finding["severity"] != "info" and not finding.get("places"):
            yield f"- Of the data: {finding['message']}."
    yield "- Other domains, languages and times than those of the data above were not measured.\n"


def _export(told: Mapping[str, Any]) -> Iterator[str]:
    form = "int8 " if told["int8"] else ""
    yield f"## The exported form\n\nThis is the {form}{told['to']} form of the trained model.\n"
    yield "| measured | trained | exported |\n|---|---|---|"
    before, after = told["scores"]
    yield f"| {told['metric']} | {_number(before['value'])} | {_number(after['value'])} |"
    yield f"| decisions changed | | {told['changed']:,} of {told['decisions']:,} |"
    yield f"| largest difference of outputs | | {told['outputs']['largest']:.2g} |"
    yield "| megabytes | {:.1f} | {:.1f} |".format(*(one / 1e6 for one in told["size"]))
    if told["speed"]:
        yield "| examples a second, on the machine of the export | {:.0f} | {:.0f} |".format(
            *told["speed"]
        )
    if told["in_float"]:
        yield f"\nLayers in float, which int8 would hurt: {_listed(told['in_float'])}."
    yield ""


def _costs(record: Mapping[str, Any]) -> Iterator[str]:
    machine, peak = record["machine"], record.get("peak_memory") or {}
    yield "## Costs\n"
    memory = peak.get("device") or peak.get("host")
    seen, unit = record.get("seen", record["tokens"]), record.get("unit", "tokens")
    yield (
        f"{record['steps']:,} steps over {seen:,} {unit} in {record['train_seconds']:,.0f} s "
        f"of training on {machine.get('device')} ({machine.get('cores')} cores, {machine.get('processes')} "
        f"process{'es' if machine.get('processes') != 1 else ''})"
        + (f", {memory / 1e9:.1f} GB of memory at most" if memory else "")
        + f". {record['parameters']:,} parameters.\n"
    )


def _use(record: Mapping[str, Any], schema: Schema, name: str) -> Iterator[str]:
    pipeline = _pipeline(schema)
    packages = [one["distribution"] for one in record["plugins"] if one.get("distribution")]
    yield "## How to use it\n"
    yield f"With ft (`pip install {' '.join(dict.fromkeys(packages)) or 'ft-core'}`), as it was measured:\n"
    yield f'```python\nimport ft\n\nmodel = ft.load("{name}")\nmodel.predict(["a text"])\n```\n'
    if pipeline and not record.get("export"):
        grouping = ', aggregation_strategy="first"' if schema.words and schema.words.scheme else ""
        yield "With transformers alone, without ft's windows and decoding:\n"
        yield (
            "```python\nfrom transformers import pipeline\n\n"
            f'model = pipeline("{pipeline}", model="{name}"{grouping})\nmodel("a text")\n```\n'
        )
