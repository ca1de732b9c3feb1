"""What a run needs before its first step: plugins, model, data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import torch

from ft.config.resolve import Resolved
from ft.contract.errors import ConfigError, DataError, FtError, PluginError, raise_all
from ft.contract.plugin import Plugin
from ft.contract.schema import POOL, SPLITS, TaskData
from ft.data.lint.lint import lint
from ft.engine.model_files import PADDED
from ft.engine.run import LiveRun
from ft.hooks import declarations
from ft.hooks.chain import Member
from ft.hooks.hooks import Hooks
from ft.hooks.trace import Trace
from ft.loading.starters import MODEL, offered_model, starter

if TYPE_CHECKING:
    from ft.reporters.reporter import Reporter


def default_output(resolved: Resolved) -> Path:
    """``runs/<date>-<plugins>-<short id>``."""
    names = "-".join(plugin.name for plugin in resolved.plugins)
    return Path("runs") / f"{datetime.now():%Y-%m-%d}-{names}-{uuid4().hex[:6]}"


Builtin = Mapping[str, type[Plugin]]
"""The plugins that ft brings itself, by name."""


def make_hooks(
    resolved: Resolved, builtin: Builtin, run: LiveRun | None = None, trace: Trace | None = None
) -> Hooks:
    """Instantiate and seed the plugins of a run and compose their hooks."""
    members = [
        Member(
            loaded.name,
            loaded.cls(resolved.configs[loaded.name]),
            loaded.distribution,
            loaded.version,
        )
        for loaded in resolved.plugins
    ]
    ours = [Member(name, cls(), None, None) for name, cls in builtin.items()]
    for member in [*members, *ours]:
        member.plugin.seed(member.name, resolved.run.seed)
    hooks = Hooks(members, ours, run.situation if run else lambda: "", trace)
    for part in hooks.inside:
        part.plugin.seed(part.name, resolved.run.seed)
    return hooks


def model_path(resolved: Resolved, reporter: Reporter) -> str:
    """The pre-trained model of a run: the one named, else the starter's.

    Raises:
        ConfigError: none is named and there is no starter.
    """
    if resolved.run.model:
        return offered_model(resolved.run.model)
    found = starter("model")
    if found is None:
        raise ConfigError(
            "no model is named and no starter model is installed",
            where="run.model",
            hint="give --model, such as bert-base-cased or a folder, or `pip install ft-starter`",
        )
    reporter.note(MODEL)
    return str(found)


def load_data(run: LiveRun, *, with_techniques: bool | None = None) -> TaskData:
    """Call `load_data` and check what it returned.

    Args:
        run: with its hooks.
        with_techniques: call those around the task too; by default unless the model is trained already, for they leave the
            splits that it is scored on as they are.

    Raises:
        PluginError: it lacks a train split or a column.
    """
    run.set_aside = []
    chain = not run.restored if with_techniques is None else with_techniques
    data: TaskData = (run.hooks.call if chain else run.hooks.provide)("load_data", run)
    provider, _ = run.hooks.parts("load_data")
    who = f"plugin {provider.owner}"
    trains = "train" in data.splits and len(data.splits["train"])
    if not trains and not run.restored:
        raise PluginError("load_data returned no training examples", who=who)
    raise_all(_split_faults(data, who))
    for split, dataset in data.splits.items():
        unknown = data.schema.gold if split == POOL else ()
        missing = [
            c for c in data.schema.columns() if c not in dataset.column_names and c not in unknown
        ]
        if missing:
            raise PluginError(
                f"the {split} split lacks the columns {', '.join(missing)} of the schema",
                who=who,
                hint=f"its columns are {', '.join(dataset.column_names)}",
            )
    _, techniques = run.hooks.parts("load_data")
    # A technique around load_data has been looked at with the schema that it was given.
    seen = [one.plugin for one in techniques]
    members = [member for member in run.hooks.members if member.plugin not in seen]
    raise_all(declarations.schema_faults(members, data.schema))
    return data


def _split_faults(data: TaskData, who: str) -> list[FtError]:
    """Names of splits that cannot be those of files, and splits to be scored that are not there."""
    faults: list[FtError] = [
        PluginError(
            f"load_data returned a split called {split!r}",
            who=who,
            hint="a split's name has letters, digits, - and _ alone: its predictions are files",
        )
        for split in data.splits
        if not re.fullmatch(r"[\w-]+", split, re.ASCII)
    ]
    extra = [split for split in data.splits if split not in (*SPLITS, POOL)]
    faults += [
        PluginError(
            f"the schema's each_epoch names '{split}', which is no split beyond train, validation "
            "and test",
            who=who,
            hint=f"such splits are: {', '.join(extra) or 'none'}",
        )
        for split in data.schema.each_epoch
        if data.splits and split not in extra
    ]
    return faults


def build_model(run: LiveRun, data: TaskData) -> torch.nn.Module:
    """Call the chain of `build_head`, on the run's device."""
    return on_device(run, run.hooks.call("build_head", run, data))


def on_device(run: LiveRun, model: torch.nn.Module) -> torch.nn.Module:
    """What a hook returned as the model, on the run's device."""
    config: Any = getattr(model, "config", None)
    if hasattr(config, "pad_token_id") and config.pad_token_id != run.pad_id:
        # A decoder finds a text's last token by it.
        config.pad_token_id = run.pad_id
    kind = getattr(config, "model_type", None)
    if kind in PADDED:
        run.note(
            f"the outputs of a model of the type '{kind}' depend on the padding of its batch: the "
            "same text may score a little otherwise beside other texts"
        )
    return model.to(run.device)


def check_alike(run: LiveRun, fingerprints: Mapping[str, str]) -> None:
    """See that every process has read the same data.

    Raises:
        DataError: they have not.
    """
    told = run.ranks.gather(dict(fingerprints))
    other = next((index for index, one in enumerate(told) if one != told[0]), None)
    if other is not None:
        raise DataError(
            f"process {other} of {run.ranks.count} has read other data than process 0",
            hint="put the same files on every machine, under the same path",
        )


def lint_data(run: LiveRun, data: TaskData) -> list[dict[str, Any]]:
    """Look for what is wrong with the data and say it.

    Raises:
        DataError: there are findings and the run refuses them.
    """
    if run.config.lint == "off":
        return []
    gold = {split: rows for split, rows in data.splits.items() if split != POOL}
    data = replace(data, splits=type(data.splits)(gold))
    textual = hasattr(run.processor, "backend_tokenizer")
    findings = lint(data, run.tokenizer if textual else None, run.max_length)
    for finding in findings:
        places = ", ".join(finding.places[:5])
        run.reporter.finding(
            finding.severity, f"{finding.message} ({places})" if places else finding.message
        )
    if run.config.lint == "refuse" and any(f.severity != "info" for f in findings):
        raise DataError(
            f"the data has {sum(f.severity != 'info' for f in findings)} findings (listed above)",
            where="run.lint",
            hint="mend the data, or set run.lint = 'warn'",
        )
    return [asdict(finding) for finding in findings]
