"""The contract with ft, rule by rule; what takes seconds with the second plugin is in the long run."""

import pytest

from ft_kit import conformance

LONG = {"company": pytest.mark.long}
SLOW = ("company", "empty", "independent", "longest", "repeatable", "restored")
test_contract = conformance("image", families=("image",), marks=LONG)
test_contract_of_augment = conformance(
    "image_augment", families=("image",), marks=dict.fromkeys(SLOW, pytest.mark.long)
)
test_contract_with_batch_norm = pytest.mark.long(conformance("image", families=("convnet",)))
