"""Plans for a training that are called by one word: ``--preset quick|default|best``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ft.config.given import Setting
from ft.config.merge import Given
from ft.loading.installed import PRESETS, installed
from ft.loading.load import Loaded, try_load_all

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"epochs": 1, "min_steps": 50, "evaluations": 1},
    "default": {},
    "best": {"epochs": 5, "min_steps": 400, "evaluations": 10, "warmup": 0.1},
}
"""Settings of the run by preset; each stands below what the user gives."""


def asked(settings: Sequence[Setting]) -> str | None:
    """The preset that counts among settings, the strongest last; ``None``: none, or none that is known."""
    values = [one.value for one in settings if one.path == ("run", "preset")]
    return values[-1] if values and values[-1] in SETTINGS else None


def use(preset: str, given: Given) -> None:
    """Put a preset's settings, below all that are there, in the place of its name.

    What is made of a run later (a resume, an arm without a technique, its predictions) takes the run's settings and
    plugins as they are; a name that stayed would bring the techniques in once more.

    Where the user says how long the training is, ``min_steps`` would make it longer and is left out.
    """
    given.drop("run", "preset")
    own = given.tree.get("run") or {}
    length = {"epochs", "max_steps"} & set(own) if isinstance(own, dict) else ()
    settings = SETTINGS[preset].items()
    given.suggest(
        "run",
        {key: value for key, value in settings if not (length and key == "min_steps")},
        f"preset {preset}",
    )


def techniques(preset: str, named: Sequence[Loaded]) -> tuple[list[Loaded], list[str]]:
    """The techniques that installed distributions bring for a preset, and notes on them.

    An entry point of the group ``ft.presets`` has the preset's name and, as its value, the name of the technique.
    One that is named already, cannot be loaded, or cannot work with what is named, is left out.

    Args:
        preset: its name.
        named: the plugins that the user named.
    """
    wanted = sorted({one.target for one in installed(PRESETS) if one.name == preset})
    names = {one.name for one in named}
    loaded, failures = try_load_all([name for name in wanted if name not in names])
    found: list[Loaded] = []
    notes = [f"preset {preset}: a technique is left out: {failure.what}" for failure in failures]
    for one in loaded:
        against = names & set(one.cls.conflicts)
        against |= {other.name for other in named if one.name in other.cls.conflicts}
        if against:
            notes.append(
                f"preset {preset}: without {one.name}, which cannot work with {', '.join(sorted(against))}"
            )
            continue
        found.append(one)
        notes.append(f"preset {preset}: with {one.owner}")
    return found, notes
