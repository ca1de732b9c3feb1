"""Studies of several runs: `ft compare`, `ft ablate` and `ft tune`."""
