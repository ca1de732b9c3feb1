"""Fixtures for the tests of plugins; pytest finds them by itself where ft is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ft.contract.results import Result
    from ft_kit.kit import Kit


@pytest.fixture(scope="session")
def ft_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The conformance kit of this session."""
    from ft_kit.kit import Kit

    return Kit(tmp_path_factory.mktemp("ft"))


@pytest.fixture(scope="session")
def ft_tiny_model(ft_kit: Kit) -> Path:
    """The folder of a BERT with random weights, for ``model=``."""
    return ft_kit.bench.model()


@pytest.fixture
def ft_run(ft_kit: Kit, tmp_path: Path) -> Callable[..., Result]:
    """A function that runs plugins for a few steps on a tiny model, of the first one's first family.

    ``ft_run([WORDS, "./mine.py"], epochs=1, mine={"rate": 0.5})`` takes what `ft.run` takes, into a
    new folder each time. A plugin that is given no settings gets those of its ``example_settings``; without
    baselines, unless ``advice=True``.
    """
    import ft
    from ft_kit.bench import SETTINGS

    count = 0

    def run(plugins: Sequence[str], **settings: Any) -> Result:
        nonlocal count
        count += 1
        subjects = [ft_kit.bench.subject(spec) for spec in plugins]
        model = ft_kit.bench.model(subjects[0].families[0])
        tables = {one.name: dict(one.settings) for one in subjects if one.settings}
        values = {**SETTINGS, "advice": False, "model": str(model), **tables, **settings}
        output = values.pop("output", tmp_path / f"ft-run-{count}")
        with ft_kit.bench.cache():
            return ft.run(plugins, output=output, **values)

    return run


@pytest.fixture(scope="session")
def ft_train(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Result]]:
    """A function that trains plugins to the end, on a model and for epochs that the caller says.

    ``ft_train(["mine"], model=folder, mine={"train": path}, epochs=8)`` takes what `ft.run` takes, into a
    new folder each time unless `output` names one; it serves fixtures of a session. What ft caches from
    then on lies in a folder of the session.
    """
    import ft

    plain = {"batch_size": 16, "precision": "fp32", "device": "cpu", "lint": "off", "report": False}

    def train(plugins: Sequence[str], **settings: Any) -> Result:
        output = settings.pop("output", None) or tmp_path_factory.mktemp("ft-train") / "run"
        return ft.run(plugins, output=output, **{**plain, **settings})

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_CACHE", str(tmp_path_factory.mktemp("ft-cache")))
        yield train
