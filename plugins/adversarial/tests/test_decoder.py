"""Models that give the cache of a decoder beside their logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ft_kit import TEXTS, tiny_model


@pytest.mark.parametrize("method", ["fgm", "smart"])
def test_a_decoder_is_trained(method: str, ft_run: Any, tmp_path: Path) -> None:
    model = str(tiny_model(tmp_path / "decoder", "decoder", ["house"]))
    result = ft_run(
        [TEXTS, "adversarial"], model=model, max_steps=2, adversarial={"method": method}
    )
    assert result.record["steps"] == 2
