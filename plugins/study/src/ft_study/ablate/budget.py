"""What fits into the time that is given, judged by the runs so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ft_study.ablate.arms import Arm, arm_name
from ft_study.ablate.study import Job, Study


@dataclass(frozen=True)
class Plan:
    """What of the runs that are left fits.

    Attributes:
        kept: those that do, in order.
        left_out: those that do not.
        seconds: what those that are kept take, all together, one after the other.
    """

    kept: Sequence[Job]
    left_out: Sequence[Job]
    seconds: float


def plan(
    study: Study,
    left: Sequence[Job],
    seconds: float,
    parallel: int,
    at_work: Mapping[Job, float] | None = None,
) -> Plan | None:
    """Plan the runs that are left; ``None`` before any run is finished.

    Runs are kept seed by seed, so that what is done compares like with like. If not even one seed
    of all arms fits, the arms that leave a technique out of the full set go first.

    Args:
        study: brings the times of the finished runs.
        left: the runs that are left, seed by seed.
        seconds: that are left.
        parallel: runs at a time.
        at_work: runs that have begun, with the seconds since.
    """
    takes = _times(study, [*left, *(at_work or ())])
    if takes is None:
        return None
    room = seconds * parallel
    room -= sum(max(takes[job.arm] - since, 0.0) for job, since in (at_work or {}).items())
    if left and sum(takes[job.arm] for job in left if job.seed == left[0].seed) > room:
        task, *techniques = study.plugins
        first = {(task,), *((task, one) for one in techniques), study.plugins}
        left = sorted(left, key=lambda job: (job.arm not in first, job.seed))
    kept: list[Job] = []
    used = 0.0
    for job in left:
        if used + takes[job.arm] > room:
            break
        kept.append(job)
        used += takes[job.arm]
    return Plan(kept, left[len(kept) :], used)


def _times(study: Study, jobs: Sequence[Job]) -> dict[Arm, float] | None:
    """What a run of each arm takes, in seconds; of an arm without any, the mean of the others."""
    last = max((job.seed for job in jobs), default=study.first_seed)
    times: dict[Arm, list[float]] = {}
    for job in study.jobs(last - study.first_seed + 1):
        done = study.finished(job)
        if done is not None:
            times.setdefault(job.arm, []).append(float(done.record.get("total_seconds") or 0.0))
    if not times:
        return None
    means = {arm: sum(found) / len(found) for arm, found in times.items()}
    usual = sum(means.values()) / len(means)
    return {arm: means.get(arm, usual) for arm in study.arms}


def left_out_text(jobs: Sequence[Job]) -> str:
    """The runs that do not fit, by arm."""
    seeds: dict[str, list[int]] = {}
    for job in jobs:
        seeds.setdefault(arm_name(job.arm), []).append(job.seed)
    return "; ".join(f"{arm} with seed {', '.join(map(str, of))}" for arm, of in seeds.items())
