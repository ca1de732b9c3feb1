"""`ft tune`: hyper-parameter search, by Optuna."""
