from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn import functional

from ft_sentiment.calibration import fit_temperature, probabilities, rescale
from ft_sentiment.confidence import calibration_error

LOGITS = arrays(np.int64, (5, 3), elements=st.integers(-25 * 64, 25 * 64)).map(lambda z: z / 64)


def drawn(
    n: int, classes: int, temperature: float, *, multi: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too large by ``temperature``, and labels drawn from what is true."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, classes))
    p = probabilities(logits, multi)
    if multi:
        gold = (rng.random(p.shape) < p).astype(np.int8)
    else:
        gold = (rng.random((n, 1)) > p.cumsum(1)).sum(1)
    return logits * temperature, gold


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("multi", [False, True])
def test_the_true_temperature_is_found_again(temperature, multi):
    logits, gold = drawn(20_000, 4, temperature, multi=multi)
    fitted = fit_temperature(probabilities(logits, multi), gold, multi)
    assert fitted == pytest.approx(temperature, rel=0.04)


def test_the_fit_is_guos_minimum():
    """The same minimum as gradient descent on the cross entropy of scaled logits."""
    logits, gold = drawn(5000, 3, 2.0)
    z, y = torch.tensor(logits), torch.tensor(gold)
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = functional.cross_entropy(z / log_t.exp(), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    ours = fit_temperature(probabilities(logits, False), gold, False)
    assert ours == pytest.approx(float(log_t.detach().exp()), rel=0.003)


@pytest.mark.parametrize("multi", [False, True])
def test_calibration_lowers_the_calibration_error(multi):
    logits, gold = drawn(4000, 3, 3.0, multi=multi)
    scores = probabilities(logits, multi)
    half = slice(0, 2000), slice(2000, 4000)
    temperature = fit_temperature(scores[half[0]], gold[half[0]], multi)

    def error(p: np.ndarray) -> float:
        p, y = p[half[1]], gold[half[1]]
        if multi:
            return calibration_error(p, y, seed=0, resamples=10).value
        return calibration_error(p.max(1), p.argmax(1) == y, seed=0, resamples=10).value

    assert error(rescale(scores, multi, temperature)) < 0.04 < error(scores)


@pytest.mark.parametrize("multi", [False, True])
def test_a_model_that_is_always_right_stays_unsure(multi):
    logits = np.where(np.eye(2)[np.tile([0, 1], 25)] > 0, 3.0, -3.0)
    gold = np.eye(2, dtype=np.int8)[np.tile([0, 1], 25)] if multi else np.tile([0, 1], 25)
    temperature = fit_temperature(probabilities(logits, multi), gold, multi)
    best = probabilities(logits, multi, temperature).max(1)
    np.testing.assert_allclose(best, 51 / 52, atol=1e-3)


def test_no_examples_leave_the_temperature():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, dtype=int), False) == 1.0


def test_the_temperature_is_bounded():
    logits, gold = drawn(500, 2, 1.0)
    wrong = fit_temperature(
        probabilities(logits, False), 1 - probabilities(logits, False).argmax(1), False
    )
    assert wrong == pytest.approx(20, rel=1e-3)
    assert fit_temperature(probabilities(logits / 1000, False), gold, False) >= 0.0499


@given(logits=LOGITS, temperature=st.floats(0.05, 20), multi=st.booleans())
def test_rescaled_probabilities_are_those_of_divided_logits(logits, temperature, multi):
    ours = rescale(probabilities(logits, multi), multi, temperature)
    np.testing.assert_allclose(
        ours, probabilities(logits, multi, temperature), rtol=1e-3, atol=1e-6
    )


@given(logits=LOGITS, temperature=st.floats(0.05, 20))
@settings(max_examples=50)
def test_the_temperature_keeps_the_order(logits, temperature):
    scores = probabilities(logits, False, temperature)
    best = logits.argmax(1)
    assert (scores[np.arange(5), best] == scores.max(1)).all()
    yes = probabilities(logits, True, temperature) >= 0.5
    np.testing.assert_array_equal(yes, logits >= 0)


def test_probabilities_are_torchs():
    logits = np.random.default_rng(0).normal(0, 50, (20, 4))
    z = torch.tensor(logits)
    np.testing.assert_allclose(probabilities(logits, False), z.softmax(-1), atol=1e-15)
    np.testing.assert_allclose(probabilities(logits, True), z.sigmoid(), atol=1e-15)
