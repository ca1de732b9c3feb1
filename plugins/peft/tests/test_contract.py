"""The contract with ft, rule by rule."""

import pytest

from ft_kit import conformance

test_contract = conformance("peft", marks={"company": pytest.mark.long})
