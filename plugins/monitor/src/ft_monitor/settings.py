"""What a user may set of a monitor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """How posts are put together and judged.

    Attributes:
        false_alarms: how many a month chance alone may give, over all series together.
        late: seconds that a post may come behind later ones.
        repeats: seconds in which a repeated post does not count again.
        merge: hours without a surge after which an alarm has ended.
        warm_up: days of a series before it is judged.
        least: negative posts that an alarm needs.
        rise: by how much the share of the negative must be above the usual.
        most_series: topics and entities that are watched; of more, those that come later are not.
        zone: of hours, weekdays and days.
        time_key: names the time of a post.
        silence: series of which no alarm is told.
    """

    false_alarms: float = 1.0
    late: int = 3600
    repeats: int = 86400
    merge: int = 24
    warm_up: int = 14
    least: int = 5
    rise: float = 0.05
    most_series: int = 500
    zone: str = "UTC"
    time_key: str = "time"
    silence: tuple[str, ...] = ()

    def judging(self) -> dict[str, Any]:
        """What must stay as it is while a state goes on."""
        return {name: value for name, value in asdict(self).items() if name != "silence"}
