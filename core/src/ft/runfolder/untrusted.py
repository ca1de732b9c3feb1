"""What a run folder that came from somebody else may not hold: code, links, ways out of it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from ft.contract.errors import UserError
from ft.loading.load import FILE

PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill"})
"""Suffixes of files that may hold a pickle, which runs code when it is read."""

_INDEX = "model.safetensors.index.json"
_HINT = "a run folder holds safetensors, JSON, TOML and text alone; where does this one come from?"


def refuse(run: Path) -> None:
    """Look at a run folder before anything in it is used.

    Raises:
        UserError: it holds a link, or a pickled model, or names a plugin in itself, or a file
            outside of itself as part of its model.
    """
    _refuse_files(run)
    config = run / "config.toml"
    refuse_plugins(run, _config_plugins(config), str(config))
    _refuse_parts(run / "model")


def _refuse_files(run: Path) -> None:
    weights = {run / "model", run / "checkpoints"}
    for folder, folders, files in os.walk(run):
        here = Path(folder)
        for name in (*folders, *files):
            path = here / name
            if path.is_symlink():
                raise UserError(
                    f"a link, to {path.readlink()}: a run folder may hold none",
                    where=str(path),
                    hint="put what it leads to in its place, if you trust that",
                )
            if path.suffix.lower() in PICKLED and weights & {here, *here.parents}:
                raise UserError(
                    "this may hold a pickle, which is not read", where=str(path), hint=_HINT
                )


def refuse_plugins(run: Path, specs: Any, where: str) -> None:
    """Refuse plugins whose code lies in the run folder: it came with the folder.

    Args:
        run: the folder.
        specs: the plugins, as in ``--plugins``.
        where: they are named.

    Raises:
        UserError: there is one.
    """
    inside = run.resolve()
    for spec in specs if isinstance(specs, list | tuple) else ():
        if isinstance(spec, str) and any(inside in (one, *one.parents) for one in _places(spec)):
            raise UserError(
                f"the plugin '{spec}' lies in the run folder itself: code is not run from there",
                where=where,
                hint="if you trust it, keep it in another folder and name it there",
            )


def _places(spec: str) -> list[Path]:
    """Where the code of a plugin may be found, but for what is installed."""
    file = FILE.fullmatch(spec.strip())
    if file:
        return [Path(file["path"]).expanduser().resolve()]
    module, colon, _ = spec.strip().partition(":")
    if not colon:
        return []  # the name of an installed plugin
    parts = module.split(".")
    folders = [Path.cwd().joinpath(*parts[: i + 1]) for i in range(len(parts))]
    return [
        one.resolve() for one in folders if one.exists() or one.with_name(f"{one.name}.py").exists()
    ]


def _config_plugins(config: Path) -> Any:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8-sig")).get("plugins")
    except (OSError, ValueError, RecursionError):
        return None  # whoever reads the settings says what is wrong with them


def _refuse_parts(model: Path) -> None:
    """A large model's index names the files of its parts: they must lie beside it."""
    for path in model.glob("*.index.json") if model.is_dir() else ():
        try:
            parts = set(json.loads(path.read_bytes())["weight_map"].values())
            plain = all(Path(part).name == part for part in parts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(f"cannot be read ({type(error).__name__})", where=str(path)) from error
        if (
            path.name != _INDEX
            or not plain
            or any(not one.endswith(".safetensors") for one in parts)
        ):
            raise UserError(
                "names files that are no safetensors beside it", where=str(path), hint=_HINT
            )
