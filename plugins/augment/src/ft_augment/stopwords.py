"""Words that are left alone by synonyms and label-wise replacement: function words."""

from __future__ import annotations

from collections.abc import Mapping

_ENGLISH = """
    a about above across after again against all almost along already also although always am among
    an and another any anybody anyone anything are aren around as at away back be because been
    before behind being below beneath beside between beyond both but by can cannot could couldn did
    didn do does doesn doing don done down during each eight either else enough even ever every
    everybody everyone everything few first five for four from get gets getting got had hadn half
    hardly has hasn have haven having he hence her here hers herself him himself his how however
    hundred i if in indeed instead into is isn it its itself just least less ll many may me might
    million billion mine more most much must my myself near need neither never nevertheless next
    nine no nobody none nor not nothing now nowhere of off often on once one only onto or other
    others ought our ours ourselves out over own per perhaps quite rather really same second seven
    several shall she should shouldn since six so some somebody someone something sometimes still
    such ten than that the their theirs them themselves then there therefore these they third this
    those though thousand three through throughout thus till to together too toward towards two
    under unless until up upon us ve very via was wasn we well were weren what whatever when
    whenever where wherever whether which while who whoever whom whose why will with within without
    won would wouldn yes yet you your yours yourself yourselves zero
    """
ENGLISH = frozenset(_ENGLISH.split())
"""English function words, negations and number words, in lower case."""

FREQUENT_SHARE = 1 / 500
FREQUENT_COUNT = 20


def stop_words(counts: Mapping[str, int]) -> frozenset[str]:
    """`ENGLISH`, and in any language the words that the training split uses all the time.

    Args:
        counts: occurrences of each word, as written, outside of entities.

    Returns:
        Lower-case words; a word of letters counts as one if it makes up more than one word in 500
        and occurs at least 20 times.
    """
    lower: dict[str, int] = {}
    for word, count in counts.items():
        if word.isalpha():
            key = word.lower()
            lower[key] = lower.get(key, 0) + count
    least = max(FREQUENT_COUNT, FREQUENT_SHARE * sum(counts.values()))
    return ENGLISH.union(word for word, count in lower.items() if count >= least)
