"""Rows of a table: cached, checked, split."""
