"""The contract with ft, rule by rule."""

import pytest

from ft_kit import conformance

test_contract = conformance(
    "recommend",
    marks={"company": pytest.mark.long},
    known={
        "cut": "the items of a pass are each other's negatives, and their number is tuned to it"
    },
)
