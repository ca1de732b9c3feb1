"""Defaults of each method, and refusals."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ft_adversarial import AdversarialConfig
from ft_adversarial.training.settings import USED


@pytest.mark.parametrize("method", USED)
def test_resolved_settings_can_be_read_back(method):
    """What a run writes into its config.toml, where unset values are left out."""
    config = AdversarialConfig(method=method)
    again = AdversarialConfig(**config.model_dump(mode="json", exclude_none=True))
    assert again == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "fgm", "steps": 3}, "'steps' has no meaning for method 'fgm', only for pgd"),
        ({"method": "r3f", "radius": 1.0}, "'radius' has no meaning for method 'r3f'"),
        ({"method": "pgd", "noise": 0.1}, "'noise' has no meaning .* only for smart, r3f"),
        ({"method": "smart", "noise_kind": "normal"}, "'noise_kind' .* only for r3f"),
        ({"method": "none", "norm": "l2"}, "'norm' has no meaning"),
        ({"method": "smart", "clean_weight": 0}, "clean_weight must be above 0"),
        ({"method": "fgsm"}, "'fgm', 'pgd', 'freelb'"),
        ({"epsilon": 1.0}, "Extra inputs are not permitted"),
        ({"radius": 0}, "greater than 0"),
        ({"start": 1.0}, "less than 1"),
        ({"weight": 0}, "greater than 0"),
    ],
)
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        AdversarialConfig(**settings)


def test_every_setting_that_a_method_uses_is_taken():
    values = {"norm": "linf", "steps": 4, "noise_kind": "normal", "divergence": "forward"}
    for method, names in USED.items():
        AdversarialConfig(method=method, **{name: values.get(name, 0.2) for name in names})


def test_defaults():
    fgm, pgd, freelb = (AdversarialConfig(method=m).ascent for m in ("fgm", "pgd", "freelb"))
    assert (fgm.radius, fgm.norm, fgm.steps, fgm.step_size, fgm.init) == (0.25, "l2", 1, 0.25, 0.0)
    assert (pgd.steps, pgd.init) == (3, 0.0)
    assert pgd.step_size * pgd.steps == pytest.approx(2.5 * pgd.radius)
    assert (freelb.steps, freelb.init) == (2, 0.25)
    assert AdversarialConfig(norm="linf").ascent.radius == 0.005
    assert AdversarialConfig().clean_weight == AdversarialConfig().weight == 1.0
    assert AdversarialConfig().start > 0


def test_what_the_core_is_told_about_the_order(kit):
    def told(**settings):
        plugin = kit.plugin(**settings)
        return plugin.early_backward, plugin.needs_graph

    assert told(method="fgm") == told(method="pgd") == told(method="freelb") == (True, True)
    assert told(method="smart") == told(method="r3f") == (False, True)
    assert told(method="fgm", clean_weight=0) == (False, True)
    assert told(method="none") == (False, False)
