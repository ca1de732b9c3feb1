"""The settings of training, and what they mean for each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ft import Config, Tunable
from ft_adversarial.perturbation.ball import REACH, Norm

Method = Literal["fgm", "pgd", "freelb", "smart", "r3f", "none"]
Noise = Literal["uniform", "normal"]

RADIUS: dict[Norm, float] = {"l2": 0.25, "linf": 0.005}
STEPS: dict[Method, int] = {"fgm": 1, "pgd": 3, "freelb": 2, "smart": 1}
NOISE: dict[Method, float] = {"smart": 1e-3, "r3f": 1e-5}
_ATTACK = frozenset({"radius", "norm", "steps", "step_size"})
USED: dict[Method, frozenset[str]] = {
    "fgm": frozenset({"radius", "norm"}),
    "pgd": _ATTACK | {"init"},
    "freelb": _ATTACK | {"init"},
    "smart": _ATTACK | {"noise", "divergence"},
    "r3f": frozenset({"noise", "noise_kind", "divergence"}),
    "none": frozenset(),
}
"""The settings that only some methods have."""


@dataclass(frozen=True)
class Ascent:
    """How a perturbation is searched for.

    Attributes:
        radius: largest norm of an example's perturbation.
        norm: which norm.
        steps: ascent steps.
        step_size: length of a step, in the norm.
        init: largest norm of the uniform random start; 0 starts at the clean embeddings.
    """

    radius: float
    norm: Norm
    steps: int
    step_size: float
    init: float


class TrainingConfig(Config):
    """The settings of training.

    The loss that is minimised is ``clean_weight`` x clean + ``weight`` x adversarial, where the
    adversarial term is the loss of the perturbed pass (fgm, pgd), the mean loss of the ``steps``
    perturbed passes (freelb), or the divergence of the perturbed outputs from the clean ones
    (smart, r3f).
    """

    method: Method = Field(
        "fgm",
        description="fgm (Miyato 2017), pgd (Madry 2018), freelb (Zhu 2020), smart (Jiang 2020; "
        "Miyato 2018), r3f (Aghajanyan 2021); none: train as usual, for a baseline of robustness",
    )
    radius: float | None = Field(
        None,
        gt=0,
        description="largest norm of one example's perturbation; default: 0.25, linf 0.005",
    )
    norm: Norm | None = Field(
        None, description="l2 over an example's embeddings, or linf; default: l2"
    )
    steps: int | None = Field(
        None, ge=1, description="ascent steps; default: pgd 3, freelb 2, smart 1"
    )
    step_size: float | None = Field(
        None, gt=0, description="length of an ascent step; default: 2.5 x radius / steps"
    )
    init: float | None = Field(
        None,
        ge=0,
        description="largest norm of the random start; default: pgd 0, freelb the radius",
    )
    noise: float | None = Field(
        None,
        gt=0,
        description="standard deviation (normal) or half width (uniform) of the noise in each "
        "coordinate; default: smart 1e-3, r3f 1e-5",
    )
    noise_kind: Noise | None = Field(None, description="of r3f; default: uniform")
    divergence: Literal["symmetric", "forward"] | None = Field(
        None,
        description="symmetric KL (SMART, R3F), or KL of the noised from the fixed clean outputs "
        "(VAT); default: symmetric",
    )
    weight: Annotated[float, Tunable(0.25, 4, log=True)] = Field(
        1.0, gt=0, description="factor of the adversarial term"
    )
    clean_weight: float = Field(1.0, ge=0, description="factor of the clean loss")
    start: float = Field(
        0.1, ge=0, lt=1, description="share of the training that passes before the technique starts"
    )
    dropout: Literal["paper", "fresh", "same"] = Field(
        "paper",
        description="dropout masks of the passes over one batch: fresh in each, the same in all; "
        "paper: the same for freelb, else fresh",
    )

    @model_validator(mode="after")
    def _fits_method(self) -> TrainingConfig:
        """Refuse what the method would not heed."""
        everything = frozenset().union(*USED.values())
        for name in sorted(everything - USED[self.method]):
            if getattr(self, name) is not None:
                owners = ", ".join(method for method, used in USED.items() if name in used)
                raise ValueError(
                    f"'{name}' has no meaning for method '{self.method}', only for {owners}"
                )
        if self.method in ("smart", "r3f") and not self.clean_weight:
            raise ValueError(
                f"method '{self.method}' learns the labels from the clean loss alone: "
                "clean_weight must be above 0"
            )
        return self

    @property
    def ascent(self) -> Ascent:
        """The search for a perturbation, with the method's defaults filled in."""
        norm = self.norm or "l2"
        radius = self.radius or RADIUS[norm]
        steps = self.steps or STEPS.get(self.method, 1)
        size = radius if self.method == "fgm" else REACH * radius / steps
        init = radius if self.method == "freelb" else 0.0
        return Ascent(
            radius,
            norm,
            steps,
            self.step_size or size,
            init if self.init is None else self.init,
        )

    @property
    def noise_size(self) -> float:
        """Size of the noise of smart and r3f."""
        return self.noise or NOISE.get(self.method, 0.0)

    @property
    def same_dropout(self) -> bool:
        """Whether all passes over one batch share their dropout masks."""
        return self.method == "freelb" if self.dropout == "paper" else self.dropout == "same"

    @property
    def early_backward(self) -> bool:
        """Whether a pass is back-propagated before the last one."""
        if self.method == "freelb":
            return bool(self.clean_weight) or self.ascent.steps > 1
        return self.method in ("fgm", "pgd") and bool(self.clean_weight)

    def passes(self) -> int:
        """Forward passes over a batch once the technique has started."""
        steps = self.ascent.steps
        clean = bool(self.clean_weight)
        return {
            # The clean pass gives the first ascent step its gradient, unless the start is random.
            "fgm": 2,
            "pgd": steps + 1 + (clean and self.ascent.init > 0),
            "freelb": steps + clean,
            "smart": steps + 2,
            "r3f": 2,
            "none": 1,
        }[self.method]
