"""The settings of the benchmark of robustness."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ft import Config


class RobustnessConfig(Config):
    """Whether robustness is scored, and how strong the attack and the typing errors are."""

    robustness: bool | Literal["test"] = Field(
        False,
        description="score under attack and under typing errors too: true, at each evaluation; "
        "test, of the test split alone",
    )
    attack_radius: float = Field(0.25, gt=0, description="l2 radius of the attack that is scored")
    attack_steps: int = Field(5, ge=1, description="steps of the attack that is scored")
    typo_rate: float = Field(
        0.05, gt=0, le=1, description="share of letters with a typing error in the texts scored"
    )
