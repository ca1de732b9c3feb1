"""The contract with ft, rule by rule."""

from ft_kit import conformance

test_contract = conformance("answers")
