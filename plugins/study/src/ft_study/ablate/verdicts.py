"""What an ablation found, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ft import UserError
from ft_study.ablate.arms import Contrast, arm_name, contrasts
from ft_study.ablate.study import Job, Study
from ft_study.costs import costs
from ft_study.gains import ALPHA, MOST_SEEDS, Gain, gain, holm, items_needed, seeds_needed
from ft_study.runs import Finished, paired, same_test_data

KEEP, DROP, UNDECIDED = "keep", "drop", "undecided"


@dataclass(frozen=True)
class Finding:
    """What something brings.

    Attributes:
        contrast: what, and in which company.
        gain: how much.
        corrected: p by Holm over all findings.
        seconds: extra seconds of training, as a share of those without it.
        memory: extra memory at the peak, in MiB.
        verdict: ``keep``, ``drop`` or ``undecided``.
        why: the reason, in words.
    """

    contrast: Contrast
    gain: Gain
    corrected: float | None
    seconds: float | None
    memory: float | None
    verdict: str
    why: str


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Attributes:
        metric: the score that everything is about.
        runs: the finished runs.
        rows: one a contrast for which there are runs.
        missing: the contrasts without any pair of runs.
    """

    metric: str
    runs: dict[Job, Finished]
    rows: Sequence[Finding]
    missing: Sequence[Contrast]


def findings(study: Study, seeds: int, metric: str | None, worth: float) -> Findings:
    """Judge what is finished of a study.

    Args:
        study: the study.
        seeds: how many of each arm count at most.
        metric: the score; by default the task's main metric.
        worth: the smallest gain that is worth having.

    Raises:
        UserError: nothing is finished, there is no such metric, or the test data has changed.
    """
    done = {job: run for job in study.jobs(seeds) if (run := study.finished(job)) is not None}
    if not done:
        raise UserError("no run is finished yet", where=str(study.folder))
    same_test_data(list(done.values()))
    first = next(iter(done.values()))
    name = metric or first.main or ""
    for job, run in done.items():
        if name not in run.metrics:
            raise UserError(
                f"{job.name} has no metric '{name}'",
                where="--metric",
                hint=f"it has {', '.join(key for key in run.metrics if '/' not in key)}",
            )
    measured: list[tuple[Contrast, Gain, float | None, float | None]] = []
    missing = []
    for contrast in contrasts(study.plugins[0], study.plugins[1:]):
        pairs = _pairs(done, contrast)
        if pairs:
            measured.append((contrast, _gain(pairs, name), *_extra(pairs)))
        else:
            missing.append(contrast)
    corrected = holm([one[1].p for one in measured])
    tests = sum(p is not None for p in corrected)
    rows = [
        Finding(contrast, found, p, seconds, memory, *_verdict(found, p, worth, tests))
        for (contrast, found, seconds, memory), p in zip(measured, corrected, strict=True)
    ]
    return Findings(name, done, rows, missing)


def _pairs(done: dict[Job, Finished], contrast: Contrast) -> list[tuple[Finished, Finished]]:
    """The runs with and without it, seed by seed."""
    seeds = sorted({job.seed for job in done})
    jobs = [(Job(contrast.better, seed), Job(contrast.worse, seed)) for seed in seeds]
    return [(done[one], done[other]) for one, other in jobs if one in done and other in done]


def _gain(pairs: Sequence[tuple[Finished, Finished]], name: str) -> Gain:
    draws = [paired(one, other, name) for one, other in pairs]
    known = [one for one in draws if one is not None]
    return gain(
        [one.metrics[name].value for one, _ in pairs],
        [other.metrics[name].value for _, other in pairs],
        known if len(known) == len(pairs) else None,
        higher_is_better=pairs[0][0].metrics[name].higher_is_better,
    )


def _extra(pairs: Sequence[tuple[Finished, Finished]]) -> tuple[float | None, float | None]:
    """Extra time as a share, and extra memory."""
    told = [(costs(one), costs(other)) for one, other in pairs]
    times = [(one["train_seconds"], other["train_seconds"]) for one, other in told]
    peaks = [(one["peak_memory"], other["peak_memory"]) for one, other in told]
    ours = sum(one for one, _ in times if one is not None)
    theirs = sum(other for _, other in times if other is not None)
    known = [one - other for one, other in peaks if one is not None and other is not None]
    share = ours / theirs - 1 if ours and theirs else None
    return share, sum(known) / len(known) if known else None


def _verdict(found: Gain, p: float | None, worth: float, tests: int) -> tuple[str, str]:
    """The verdict and its reason."""
    if found.seed_variance is None:
        return UNDECIDED, "one seed says nothing about others: give it five"
    if found.low == found.high == 0:
        return UNDECIDED, "the scores are the same with every seed"
    if p is None or found.high is None:
        return UNDECIDED, "the gain is the same with every seed, so its variance is not known"
    if worth and found.high < worth:
        return DROP, f"at most {found.high:+.4f}, and {worth:g} would be worth having"
    if p <= ALPHA:
        return (KEEP, "the gain is real") if found.value > 0 else (DROP, "it does harm")
    return UNDECIDED, _more(found, ALPHA / max(tests, 1))


def _more(found: Gain, alpha: float) -> str:
    """What it would take to tell."""
    wanted = seeds_needed(found, alpha)
    if wanted is not None and wanted > found.seeds:
        more = wanted - found.seeds
        return f"run {more} more seed{'s' if more > 1 else ''}: --seeds {wanted}"
    if wanted is not None:
        return f"run a few more seeds: --seeds {found.seeds + 3}"
    items = items_needed(found, alpha)
    if items is not None and found.items is not None and found.items < items < 1_000_000:
        return f"more seeds do not help: the test split has {found.items} items, and about {items} are needed"
    return f"the gain is too small: even {MOST_SEEDS} seeds could not show that it is not zero"


def sentence(row: Finding, metric: str) -> str:
    """A finding as a sentence."""
    found, one = row.gain, row.contrast
    interval = (
        "" if found.low is None or found.high is None else f" [{found.low:+.4f}, {found.high:+.4f}]"
    )
    subject = one.what if one.where == "in the full set" else f"{one.what}, {one.where}"
    if one.where == "in the full set":
        subject += f", in company ({arm_name(one.better)})"
    return f"{subject}: {metric} {found.value:+.4f}{interval}: {row.verdict}, {row.why}."
