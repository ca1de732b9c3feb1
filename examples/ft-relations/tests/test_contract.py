"""The plugin keeps the contract: every rule of it, on the plugin's own few examples."""

import pytest

from ft_kit import conformance

test_contract = conformance("ft_relations:Relations", marks={"company": pytest.mark.long})
