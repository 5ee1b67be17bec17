"""What a corpus could have shown, and how many speakers would show it.

A two-sided test at ``alpha`` finds, with probability ``power``, a difference as large as

    (t(1 - alpha / 2, df) + t(power, df)) x SE        (Bloom 1995, Evaluation Review 19(5))

where SE is the standard error over speakers that was measured, with its degrees of freedom. SE
falls with the root of the number of speakers. Assumed: further speakers vary as those at hand do,
in the same mix of groups and with as many utterances each, and the estimate is about normal. It is
a statement on the corpus and its spread, not on the difference that was seen: "observed power"
would only say the p-value again (Hoenig & Heisey 2001, The American Statistician 55(1)).
"""

from __future__ import annotations

import math

from scipy import special

from evalkit.core.types import Interval

POWER = 0.8
MOST = 100
"""A corpus so many times as large is no advice."""


def multiplier(alpha: float, df: float, power: float = POWER) -> float:
    """How many standard errors a two-sided test at ``alpha`` finds with ``power``; ``df`` may be
    infinite."""
    return float(special.stdtrit(df, 1 - alpha / 2) + special.stdtrit(df, power))


def detectable(difference: Interval, alpha: float, power: float = POWER) -> float:
    """The smallest true difference, in the unit of ``difference``, that its speakers would have
    shown with ``power`` in a test at ``alpha``; NaN where they do not vary, or are too few."""
    if not (difference.se > 0 and difference.df > 0):
        return math.nan
    return multiplier(alpha, difference.df, power) * difference.se


def more_speakers(difference: Interval, distance: float, alpha: float, *, of: int,
                  power: float = POWER) -> int | None:
    """How many speakers beside ``of``, and beside all others in proportion, would show with
    ``power`` a true difference of ``distance`` in a test at ``alpha``: 0 where there are enough,
    None where the spread of ``difference`` is unknown or MOST times as many would not do."""
    seen, times = detectable(difference, alpha, power), 1.0
    if not seen > 0 or not abs(distance) > seen / math.sqrt(MOST):
        return None
    for _ in range(8):  # the quantiles of t depend on what is sought, and hardly
        reach = multiplier(alpha, difference.df * times, power) * difference.se
        times = max(1.0, (reach / distance) ** 2)
    return math.ceil(of * (times - 1))
