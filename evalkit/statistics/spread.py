"""How a score varies: between speakers, and between the utterances of one.

A one-way random-effects analysis of variance of a ratio, weighted by what scores are divided by
(Searle, Casella & McCulloch 1992, Variance Components, 3.6): the utterances of a speaker scatter
around the speaker's own rate with variance ``within`` over their weight, and speakers' rates
around that of their group with variance ``between``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from evalkit.core.errors import ConfigError

AS_KNOWN = 0.5
"""How much speakers' error rates vary, over their mean, where nothing else is known: mixed-effects
models find a log-normal sigma of 0.36 to 0.51 on AfriSpeech (docs/statistics.md)."""
WORDS = 10.0
"""Of an utterance, where nothing is known."""


@dataclass(frozen=True)
class Spread:
    """A score ``rate``, in its unit as stored; the variance ``between`` speakers' rates; the
    variance ``within``, that of one utterance's rate around its speaker's times its weight; and the
    mean ``weight`` of an utterance. ``is_count`` says that it counts errors, so that where the rate
    is higher ``within`` is as much higher, and ``between`` by the square of that."""

    rate: float
    between: float
    within: float
    weight: float
    is_count: bool

    def at(self, rate: float) -> Spread:
        """The same of a group whose rate is another."""
        if not self.is_count:
            return replace(self, rate=rate)
        times = rate / self.rate
        return replace(self, rate=rate, between=self.between * times**2,
                       within=self.within * times)

    def told(self, rate: float | None, weight: float | None, between_speakers: float | None
             ) -> Spread:
        """The same with what is known better; ``between_speakers`` is a standard deviation."""
        found = self if rate is None else self.at(rate)
        if weight is not None:
            found = replace(found, weight=weight)
        return found if between_speakers is None else replace(found, between=between_speakers**2)

    def of_speaker(self, utterances: int) -> float:
        """Variance over speakers of the rate of so many utterances each."""
        return self.between + self.within / (self.weight * utterances)


def of_errors(rate: float) -> Spread:
    """Of errors at ``rate``, Poisson around each speaker's own rate, whose standard deviation is
    AS_KNOWN times the rate, among WORDS an utterance."""
    return Spread(rate, (AS_KNOWN * rate)**2, rate, WORDS, is_count=True)


def measured_spread(rows: pd.DataFrame, *, is_count: bool) -> Spread:
    """Of scores (``utterance_id``, ``speaker_id``, ``group``, ``amount``, ``weight``), around the
    rate of each group. Rows of one utterance are added up: they were recorded once. Raises
    ConfigError where no speaker has two utterances, or there is one speaker only."""
    known = rows[rows["error"].isna() & rows["speaker_id"].notna() & (rows["weight"] > 0)]
    said = known.groupby(["group", "speaker_id", "utterance_id"], observed=True)[
        ["amount", "weight"]].sum()
    people = said.groupby(["group", "speaker_id"]).sum()
    groups = people.groupby("group").sum()
    n, k, g = len(said), len(people), len(groups)
    if k <= g or n <= k:
        raise ConfigError("its spread cannot be measured: that takes several speakers of a group, "
                          "and several utterances of a speaker; give --rate and "
                          "--between-speakers without --from")
    if is_count and not said["amount"].any():
        raise ConfigError("its spread cannot be measured: there are no errors; give --rate without "
                          "--from")
    own = people["amount"] / people["weight"]
    whose = pd.MultiIndex.from_arrays([said.index.get_level_values(i) for i in (0, 1)])
    around = said["amount"] - said["weight"] * own.reindex(whose).to_numpy()
    within = float((around**2 / said["weight"]).sum()) / (n - k)
    theirs = groups["amount"] / groups["weight"]
    apart = own - theirs.reindex(people.index.get_level_values("group")).to_numpy()
    among = float((people["weight"] * apart**2).sum()) / (k - g)
    squares = (people["weight"]**2).groupby("group").sum() / groups["weight"]
    size = float((groups["weight"] - squares).sum()) / (k - g)
    total = said.sum()
    return Spread(float(total["amount"] / total["weight"]), max(0.0, (among - within) / size),
                  within, float(said["weight"].mean()), is_count)
