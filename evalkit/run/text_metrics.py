"""Before a run: whether the writing of its references has the unit that its metrics count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.names import offer
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.metrics.listed_words import ListedWords
from evalkit.metrics.tokens import unparted
from evalkit.metrics.words import ByWords, CharacterErrors, MixedErrors, WordErrors
from evalkit.run.measured import Measured

BY_WORDS = WordErrors.name, CharacterErrors.name
BY_BOTH = WordErrors.name, MixedErrors.name, CharacterErrors.name
BY_SCRIPT = MixedErrors.name, CharacterErrors.name
"""What hypotheses are scored by where nobody says it."""
FEW = 0.1
"""The share of references without words beside which the others' word error rate still stands for
the corpus."""


def usual_metrics(utterances: Iterable[Utterance], say: Callable[[str], None]) -> tuple[str, ...]:
    """BY_WORDS where all references are in writing that parts words by spaces, BY_BOTH where all
    but FEW are, else BY_SCRIPT; ``say`` is told where it is not the first."""
    texts = [u.text for u in utterances if u.text and not u.text.isspace()]
    scripts = [script for text in texts if (script := unparted(text))]
    if not scripts:
        return BY_WORDS
    few = len(scripts) <= FEW * len(texts)
    chosen = BY_BOTH if few else BY_SCRIPT
    which = (f"{WordErrors.name} of the others alone" if few else f"not {WordErrors.name}" + (
        f", which --metric {WordErrors.name} measures of the others"
        if len(scripts) < len(texts) else ""))
    say(f"note: {len(scripts):,} of {count(len(texts), 'reference')} in "
        f"{', '.join(sorted(set(scripts)))} writing, which does not part words by spaces: "
        f"measuring {', '.join(chosen)}; {which}")
    return chosen


def without_words(metrics: Iterable[Measured], utterances: Sequence[Utterance],
                  say: Callable[[str], None]) -> list[LeftOut]:
    """The utterances whose words a metric of ``metrics`` cannot count, for the ledger; ``say``
    receives a line for each. Raises ConfigError where those are all that have a text."""
    items = [item for each in metrics if isinstance(each.metric, ByWords)
             for item in _without_words(each, each.metric, utterances)]
    for item in items:
        say(f"note: {item}")
    return items


def _without_words(measured: Measured, metric: ByWords, utterances: Sequence[Utterance]
                   ) -> Iterator[LeftOut]:
    scripts = {u.id: script for u in utterances if u.text and not u.text.isascii()
               and unparted(u.text) and (script := metric.unmeasurable(u.text))}
    if not scripts:
        return
    texts = [u.id for u in utterances if u.text and not u.text.isspace()]
    why = (f"{', '.join(sorted(set(scripts.values())))} writing does not part words by spaces; "
           "measure mixed_error_rate or cer")
    if len(scripts) == len(texts):
        raise ConfigError(f"{measured.name}: no reference has words to count: {why}, or "
                          f"{measured.asked.plugin.name} with unit=space where the words were "
                          "parted beforehand")
    yield LeftOut("utterance", measured.name, why, len(scripts), tuple(scripts)[:NAMED])


def check_lists(metrics: Iterable[Measured], utterances: Sequence[Utterance],
                say: Callable[[str], None]) -> None:
    """``say`` receives a line for each metric whose list some utterances lack. Raises ConfigError
    where all do."""
    for each in metrics:
        if isinstance(each.metric, ListedWords) and each.metric.key is not None:
            key = each.metric.key
            n = sum(u.metadata.get(key) is None for u in utterances)
            if n == len(utterances):
                keys = sorted({key for u in utterances for key in u.metadata})
                raise ConfigError(f"{each.name}: no utterance has a list under {key!r}; "
                                  f"{offer(key, keys, 'the manifest has')}")
            if n:
                say(f"note: {n:,} of {count(len(utterances), 'utterance')} have no list under "
                    f"{key!r}; none of their words is of the list for {each.name}")
