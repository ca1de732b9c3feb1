"""What is searched: the settings, and the range of each."""

from __future__ import annotations

import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from ft import ConfigError, FtError, Problems, Resolved, Tunable

if TYPE_CHECKING:
    from optuna import Trial

FLAG = "--search"
SCALES = {"log": True, "linear": False}
PLAIN = (bool, int, float, str)
"""What a choice may be."""


@dataclass(frozen=True)
class Dimension:
    """A setting that is searched.

    Attributes:
        key: its dotted key.
        range: where.
        whole: whole numbers only.
        given: its value in the settings that the search starts from.
        place: who named it, for messages; ``None`` where the plugin declares it.
    """

    key: str
    range: Tunable
    whole: bool
    given: Any
    place: str | None = None

    def draw(self, trial: Trial) -> Any:
        """The value of a trial; the same each time it is asked for."""
        one = self.range
        if one.choices:
            return trial.suggest_categorical(self.key, one.choices)
        assert one.low is not None
        assert one.high is not None
        if self.whole:
            low, high, step = int(one.low), int(one.high), int(one.step or 1)
            return trial.suggest_int(self.key, low, high, step=step, log=one.log)
        return trial.suggest_float(self.key, one.low, one.high, step=one.step, log=one.log)

    def contains(self, value: Any) -> bool:
        """Whether a value is one of those that are tried."""
        one = self.range
        if one.choices:
            return any(value == choice for choice in one.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        assert one.low is not None
        assert one.high is not None
        step = one.step or (1 if self.whole else None)
        steps = (value - one.low) / step if step else 0.0
        return one.low <= value <= one.high and abs(steps - round(steps)) < 1e-9

    def ends(self) -> tuple[Any, ...]:
        """Values that must be allowed for all of them to be."""
        one = self.range
        if one.choices:
            return one.choices
        return (int(one.low), int(one.high)) if self.whole else (one.low, one.high)  # type: ignore[arg-type]

    def text(self) -> str:
        """The range for people."""
        one = self.range
        if one.choices:
            return ", ".join(str(choice) for choice in one.choices)
        low, high = (f"{end:g}" for end in (one.low, one.high))
        step = f", steps of {one.step:g}" if one.step and not self.whole else ""
        return f"{low} to {high}" + (", logarithmic" if one.log else step)

    def to_json(self) -> dict[str, Any]:
        """The range as plain values."""
        if self.range.choices:
            return {"choices": list(self.range.choices)}
        told = {name: value for name, value in asdict(self.range).items() if name != "choices"}
        return {**told, "whole": self.whole}


def space(resolved: Resolved, wanted: Sequence[str]) -> list[Dimension]:
    """What is searched: what ``--search`` names, else all that is declared and was not given.

    Args:
        resolved: the settings that the search starts from.
        wanted: ``KEY`` (the declared range), ``KEY=LOW..HIGH`` or ``KEY=A,B,C`` each.

    Raises:
        ConfigError: a range is none, or does not fit its setting.
        Problems: several of these.
    """
    declared = {
        f"{table}.{key}": mark
        for table, config in tables(resolved).items()
        for key, mark in Tunable.declared(type(config)).items()
    }
    errors: list[FtError] = []
    found: dict[str, Dimension] = {}
    if not wanted:
        free = {key: mark for key, mark in declared.items() if key not in resolved.origins}
        found = {key: dimension(resolved, key, mark) for key, mark in free.items()}
    for one in wanted:
        try:
            new = _asked(resolved, one, declared)
            if new.key in found:
                raise ConfigError("this setting is searched twice", where=f"{FLAG} {one}")
            found[new.key] = new
        except ConfigError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Problems(errors)
    if not found:
        raise ConfigError(
            "there is nothing to search: every setting that declares a range was given",
            where=FLAG,
            hint="name some, as in --search run.learning_rate=1e-5..1e-3",
        )
    return list(found.values())


def tables(resolved: Resolved) -> dict[str, BaseModel]:
    """The settings by table."""
    return {"run": resolved.run, **resolved.configs}


def not_searched(resolved: Resolved, dimensions: Sequence[Dimension]) -> list[str]:
    """Settings that declare a range and keep their value."""
    searched = {one.key for one in dimensions}
    declared = [
        f"{table}.{key}"
        for table, config in tables(resolved).items()
        for key in Tunable.declared(type(config))
    ]
    return [key for key in declared if key not in searched]


def dimension(resolved: Resolved, key: str, mark: Tunable, place: str | None = None) -> Dimension:
    """A setting with its range.

    Raises:
        ConfigError: the setting takes whole numbers and the range has others.
    """
    table, _, name = key.partition(".")
    config = tables(resolved).get(table)
    field = type(config).model_fields.get(name) if config is not None else None
    kinds = _kinds(field.annotation) if field is not None else ()
    whole = int in kinds and float not in kinds and not mark.choices
    numbers = (mark.low, mark.high, mark.step)
    if whole and any(one is not None and one != int(one) for one in numbers):
        raise ConfigError("this setting takes whole numbers", where=place or key)
    return Dimension(key, mark, whole, getattr(config, name, None), place)


def _asked(resolved: Resolved, text: str, declared: Mapping[str, Tunable]) -> Dimension:
    """One ``--search``."""
    key, equals, value = (part.strip() for part in text.partition("="))
    place = f"{FLAG} {text}"
    before = declared.get(key) or _of_type(resolved, key)
    if not equals:
        if before is None:
            raise ConfigError(
                "this setting declares no range",
                where=place,
                hint=f"give one: {FLAG} {key}=LOW..HIGH or {FLAG} {key}=A,B,C",
            )
        return dimension(resolved, key, before, place)
    try:
        return dimension(resolved, key, read_range(value, before), place)
    except ValueError as error:
        raise ConfigError(
            f"not a range: {error}",
            where=place,
            hint="a range is LOW..HIGH, behind it :log or :linear, or a list A,B,C",
        ) from error


def read_range(text: str, declared: Tunable | None = None) -> Tunable:
    """A range as it is typed.

    Args:
        text: ``LOW..HIGH``, behind it ``:log`` or ``:linear``, or ``A,B,C``.
        declared: the setting's own, whose scale and step hold where none is typed.

    Raises:
        ValueError: it is none.
    """
    body, colon, scale = text.rpartition(":")
    if colon and scale in SCALES:
        text = body
    low, dots, high = text.partition("..")
    if not dots:
        if colon and scale in SCALES:
            raise ValueError("choices have no scale")
        return Tunable(choices=_choices(text))
    ends = _number(low), _number(high)
    own = declared if declared is not None and not declared.choices else Tunable(0, 1)
    log = SCALES[scale] if colon and scale in SCALES else own.log
    step = own.step if not log and own.step and not any(end % own.step for end in ends) else None
    return Tunable(*ends, log=log, step=step)


def _choices(text: str) -> tuple[Any, ...]:
    try:
        found = tomllib.loads(f"v = [{text}]")["v"]
    except ValueError:
        found = [part.strip() for part in text.split(",")]
    if len(found) < 2:
        raise ValueError(f"'{text}' is one value; -o gives a setting its value")
    odd = [one for one in found if not isinstance(one, PLAIN)]
    if odd:
        raise ValueError(f"{odd[0]} is neither a number, a text nor true or false")
    return tuple(found)


def _number(text: str) -> float:
    number = float(text)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"'{text}' is no end of a range")
    return int(text) if text.strip().lstrip("+-").isdigit() else number


def _of_type(resolved: Resolved, key: str) -> Tunable | None:
    """The range of a setting with few values: true and false, or words."""
    table, _, name = key.partition(".")
    config = tables(resolved).get(table)
    field = type(config).model_fields.get(name) if config is not None else None
    if field is None:
        return None
    if _kinds(field.annotation) == (bool,):
        return Tunable(choices=(False, True))
    if get_origin(field.annotation) is Literal:
        return Tunable(choices=get_args(field.annotation))
    return None


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The types that a setting may have, without none."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for one in get_args(annotation) if one is not type(None))
    return (annotation,)


def labelled(dimensions: Sequence[Dimension]) -> dict[str, str]:
    """Who gave the values that are tried, for messages."""
    return {one.key: one.place or f"the range of {one.key}" for one in dimensions}
