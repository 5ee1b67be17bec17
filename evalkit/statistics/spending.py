"""How one chance of error is spent over a series of tests that has no end.

Test k of the series may err with a chance of alpha times w(k), where

    w(1) = first,   w(k) = (1 - first) (s(k - 1) - s(k - 2)),   s(m) = m / (m + half)

so that all tests together err with a chance of at most alpha, however they depend on one another
(Bonferroni's inequality), and all w are positive. What a test had whose hypothesis is rejected goes
on to the next: the online fallback procedure (Tian & Ramdas 2021, Statistical Methods in Medical
Research 30(4), after Wiens & Dmitrienko 2005). That costs nothing: up to the first false rejection
only what true alarms had was handed on, so that a true hypothesis is tested at no more than its own
share and those of the false ones between it and the true one before, and these sums do not overlap.
"""

from __future__ import annotations

from evalkit.store.documents.series import Schedule


def spent_by(schedule: Schedule, look: int) -> float:
    """The share of alpha that is scheduled for the tests up to number ``look``; 0 for 0."""
    if look < 1:
        return 0.0
    later = (look - 1) / (look - 1 + schedule.half)
    return schedule.first + (1 - schedule.first) * later


def scheduled(schedule: Schedule, look: int) -> float:
    """The chance of error that is scheduled for test number ``look``, counted from 1."""
    return schedule.alpha * (spent_by(schedule, look) - spent_by(schedule, look - 1))
