"""What the end of a run advises: baselines to compare with, and at most four lines."""
