"""``ft check``: the rules of the contract on one plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ft_kit.contract import Verdict


def check(
    name: Annotated[
        str, typer.Argument(help="As in --plugins: ner, ./file.py, package.module:Class.")
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            metavar="KEY=VALUE",
            show_default=False,
            help="A setting of the plugin, such as train=tiny.jsonl; repeatable.",
        ),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="ID", show_default=False, help="Check this rule alone; repeatable."
        ),
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="FAMILY",
            show_default=False,
            help="Try it with a model of this family (encoder, decoder, encoder-decoder, image, "
            "convnet) in place of those that it declares; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, one object a rule.")] = False,
) -> None:
    """Check a plugin against the contract, on tiny models. This imports and runs the plugin.

    A task that reads files needs some: what its `example_settings` writes, or --data. Exit code 1
    says that a rule is broken.
    """
    from tempfile import TemporaryDirectory

    from ft.contract.files import to_json
    from ft_kit.kit import Kit, rules_named

    rules = rules_named(rule or ())
    width = max(len(one.id) for one in rules)
    verdicts: list[Verdict] = []
    with TemporaryDirectory(prefix="ft-check-") as folder:
        kit = Kit(Path(folder))
        settings = _settings(name, data or ())
        exams = kit.exams(name, settings, family or ())
        owner = exams[0].subject.loaded.owner
        if not as_json:
            typer.echo(f"{owner}, a {exams[0].subject.kind}")
        for verdict in kit.check(name, settings, rules, family or ()):
            if (
                len(exams) > 1
                and not as_json
                and verdict.family not in [v.family for v in verdicts]
            ):
                typer.echo(f"\nwith a model of the family {verdict.family}")
            verdicts.append(verdict)
            row = f"{verdict.rule.id:{width}}  {verdict.outcome:7}  {verdict.text}".rstrip()
            typer.echo(to_json(_as_json(verdict, owner)) if as_json else row)
    _end(verdicts, owner, as_json)


def _settings(name: str, given: Sequence[str]) -> Mapping[str, Any]:
    """The settings of ``--data``.

    Raises:
        FtError: one is not ``key=value``, or there is no such plugin.
    """
    from ft.config.given import read_overrides
    from ft.config.merge import Given
    from ft.contract.errors import raise_all
    from ft.loading.load import load

    if not given:
        return {}
    table = load(name).name
    settings, errors = read_overrides([f"{table}.{one}" for one in given])
    raise_all(errors)
    values: dict[str, Any] = Given.of(settings).tree.get(table, {})
    return values


def _as_json(verdict: Verdict, owner: str) -> dict[str, Any]:
    return {
        "plugin": owner,
        "family": verdict.family,
        "rule": verdict.rule.id,
        "says": verdict.rule.says,
        "outcome": verdict.outcome,
        "text": verdict.text,
        "hint": verdict.hint,
        "contract": f"docs/{verdict.rule.page}",
    }


def _end(verdicts: Sequence[Verdict], owner: str, as_json: bool) -> None:
    """Explain the failures, and say how many there are of each.

    Raises:
        typer.Exit: a rule is broken.
    """
    from ft.contract.errors import EXIT_FAILED

    if not as_json:
        for verdict in verdicts:
            if verdict.outcome == "failed":
                typer.echo(f"\n{verdict.explain(owner)}")
        counts = Counter(verdict.outcome for verdict in verdicts)
        said = [f"{counts[one]} {one}" for one in ("passed", "failed", "skipped") if counts[one]]
        typer.echo(f"\n{', '.join(said)}")
    if any(verdict.outcome == "failed" for verdict in verdicts):
        raise typer.Exit(EXIT_FAILED)
