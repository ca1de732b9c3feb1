"""What a run folder that came from somebody else may not hold: code, links, ways out of it."""

from __future__ import annotations

import json
import os
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from ft.contract.errors import UserError
from ft.loading.load import FILE
from ft.runfolder.origin import made_here

PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill"})
"""Suffixes of files that may hold a pickle, which runs code when it is read."""

_INDEX = "model.safetensors.index.json"
_LARGEST_HEADER = 100_000_000
"""Bytes; what the safetensors library itself reads at most."""

_HINT = "a run folder holds safetensors, JSON, TOML and text alone; where does this one come from?"


def refuse(run: Path, *, trust_plugins: bool = False) -> None:
    """Look at a run folder before anything in it is used.

    Args:
        run: the folder.
        trust_plugins: run plugin files that it names, also if it was not made here.

    Raises:
        UserError: it holds a link, something that is no plain file, or a pickled model, or names a
            plugin in itself, a plugin file though it was made elsewhere, or a file outside of
            itself as part of its model.
    """
    refuse_files(run)
    config = run / "config.toml"
    specs = _config_plugins(config)
    refuse_plugins(run, specs, str(config))
    if not trust_plugins:
        _refuse_elsewhere(run, specs, str(config))
    _refuse_parts(run / "model")
    _refuse_size(run / "model")


def refuse_files(run: Path) -> None:
    """Refuse a folder that holds a link, a pickled model, or something that is no plain file.

    Raises:
        UserError: it does.
    """
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
            if name in files and not path.is_file():
                raise UserError(
                    "this is no plain file (a named pipe, a device, a socket)",
                    where=str(path),
                    hint=_HINT,
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


def _refuse_elsewhere(run: Path, specs: Any, where: str) -> None:
    """Refuse code that a run names by its place, unless the run was made here by this user."""
    # Which module a distribution brings takes a second to find out: only a foreign run pays it.
    written = [spec for spec in specs if isinstance(spec, str)] if isinstance(specs, list) else []
    if not written or (written == specs and made_here(run, written)):
        return
    named = [spec for spec in written if _by_place(spec)]
    if named:
        raise UserError(
            f"the run was not made by you on this machine, and names code by its place: {named[0]}",
            where=where,
            hint="read that code; if you trust it, give --trust-plugins",
        )


def _by_place(spec: str) -> bool:
    """Whether a plugin is named by a file, or by a module that no distribution brings."""
    if FILE.fullmatch(spec.strip()):
        return True
    module, colon, _ = spec.strip().partition(":")
    return bool(colon) and module.partition(".")[0] not in packages_distributions()


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


def _refuse_size(model: Path) -> None:
    """A configuration that asks for more layers than the weights have would fill the memory."""
    try:
        layers = _layers(json.loads((model / "config.json").read_bytes()))
        tensors = sum(_tensors(path) for path in model.glob("*.safetensors"))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return  # whoever loads the model says what is wrong with it
    if tensors and layers > tensors:
        raise UserError(
            f"asks for {layers:,} layers, and the weights beside it have {tensors:,} tensors",
            where=str(model / "config.json"),
            hint=_HINT,
        )


def _layers(config: Any) -> int:
    """The largest number of layers that a configuration asks for."""
    counts = [0]
    for key, value in config.items():
        if isinstance(value, dict):
            counts.append(_layers(value))
        elif isinstance(value, int) and "layer" in key:
            counts.append(value)
    return max(counts)


def _tensors(path: Path) -> int:
    """How many tensors a safetensors file has, by its header alone."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(_LARGEST_HEADER, path.stat().st_size):
            raise ValueError("the header is longer than the file")
        return len(json.loads(stream.read(length)))
