"""Temperature scaling: probabilities that mean what they say (Guo et al. 2017)."""

from __future__ import annotations

import numpy as np

COLDEST, HOTTEST = 0.05, 20.0
TINY = 1e-300


def probabilities(logits: np.ndarray, multi: bool, temperature: float = 1.0) -> np.ndarray:
    """(examples, classes) probabilities from logits: a softmax, or a sigmoid for each class."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    if multi:
        return np.asarray(np.exp(-np.logaddexp(0, -scaled)))
    shifted = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


def rescale(scores: np.ndarray, multi: bool, temperature: float) -> np.ndarray:
    """Probabilities as they would be had their logits been divided by ``temperature`` more."""
    if temperature == 1.0:
        return scores
    return probabilities(_logits(scores, multi), multi, temperature)


def _logits(scores: np.ndarray, multi: bool) -> np.ndarray:
    log_p: np.ndarray = np.log(np.maximum(scores, TINY))
    if not multi:
        return log_p
    # 1 - p is exact in floating point wherever p is not tiny itself.
    return np.asarray(log_p - np.log(np.maximum(1 - scores, np.finfo(float).eps / 2)))


def fit_temperature(scores: np.ndarray, gold: np.ndarray, multi: bool) -> float:
    """The temperature under which the gold labels are likeliest.

    One mistake (the best other class) is added in thought, spread over all examples as in Platt
    (1999): where the model gets every example right, the likeliest temperature would otherwise be 0
    and every probability 1.

    Args:
        scores: (examples, classes), probabilities at temperature 1.
        gold: (examples,) class ids, or (examples, classes) of 0 and 1 if ``multi``.
        multi: whether the classes are independent of one another.

    Returns:
        A number from 0.05 to 20; 1 where there are no examples.
    """
    from scipy.optimize import minimize_scalar

    examples, classes = scores.shape
    if not examples or (classes < 2 and not multi):
        return 1.0
    logits = _logits(scores, multi)
    mistake = 1 / (examples + 2)

    if multi:
        target = np.where(gold > 0, 1 - mistake, mistake)

        def loss(log_temperature: float) -> float:
            scaled = logits / np.exp(log_temperature)
            return float((np.logaddexp(0, scaled) - target * scaled).mean())
    else:
        rows = np.arange(examples)
        own, top = logits[rows, gold], logits.max(-1)
        others = logits.copy()
        others[rows, gold] = -np.inf
        expected = (1 - mistake) * own + mistake * others.max(-1)

        def loss(log_temperature: float) -> float:
            factor = np.exp(-log_temperature)
            partition = top * factor + np.log(np.exp((logits - top[:, None]) * factor).sum(-1))
            return float((partition - expected * factor).mean())

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))
