"""The contract with ft, rule by rule."""

import pytest

from ft_kit import conformance

LONG = {"company": pytest.mark.long}

test_contrastive = conformance("contrastive", {"steps": 4, "batch_size": 8}, marks=LONG)
test_linear_probe = conformance("linear_probe", marks=LONG)
test_pseudo_labels = conformance("pseudo_labels", marks=LONG)
test_warm_start = conformance("warm_start", {"steps": 4, "batch_size": 8}, marks=LONG)
