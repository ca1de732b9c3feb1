"""Runs compared with statistics: `ft compare` and `ft ablate`."""
