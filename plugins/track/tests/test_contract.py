"""The contract with ft, rule by rule."""

from ft.testing import conformance

test_contract = conformance("track")
