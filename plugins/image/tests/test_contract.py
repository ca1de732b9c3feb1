"""The contract with ft, rule by rule."""

import pytest

from ft_kit import conformance

LONG = {"company": pytest.mark.long}
test_contract = conformance("image", families=("image",), marks=LONG)
test_contract_of_augment = conformance("image_augment", families=("image",), marks=LONG)
test_contract_with_batch_norm = pytest.mark.long(conformance("image", families=("convnet",)))
