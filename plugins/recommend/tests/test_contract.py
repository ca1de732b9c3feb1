"""The contract with ft, rule by rule."""

from ft_kit import conformance

test_contract = conformance(
    "recommend",
    known={
        "cut": "the items of a pass are each other's negatives, and their number is tuned to it"
    },
)
