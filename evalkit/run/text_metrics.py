"""Before a run: whether the writing of its references has the unit that its metrics count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.protocols import Metric
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.metrics.tokens import unparted
from evalkit.metrics.words import CharacterErrors, MixedErrors, WordErrors

BY_WORDS = WordErrors.name, CharacterErrors.name
BY_SCRIPT = MixedErrors.name, CharacterErrors.name
"""What hypotheses are scored by where nobody says it."""


def usual_metrics(utterances: Iterable[Utterance], say: Callable[[str], None]) -> tuple[str, ...]:
    """BY_SCRIPT where any reference is in writing that does not part words by spaces, which
    ``say`` is told; else BY_WORDS."""
    scripts = [script for u in utterances if (script := unparted(u.text or ""))]
    if not scripts:
        return BY_WORDS
    say(f"note: {count(len(scripts), 'reference')} in {', '.join(sorted(set(scripts)))} writing, "
        f"which does not part words by spaces: measuring {' and '.join(BY_SCRIPT)}, not "
        f"{BY_WORDS[0]}")
    return BY_SCRIPT


def without_words(metrics: Iterable[Metric], utterances: Sequence[Utterance],
                  say: Callable[[str], None]) -> list[LeftOut]:
    """The utterances whose words a metric of ``metrics`` cannot count, for the ledger; ``say``
    receives a line for each. Raises ConfigError where those are all that have a text."""
    items = [item for metric in metrics if isinstance(metric, WordErrors)
             for item in _without_words(metric, utterances)]
    for item in items:
        say(f"note: {item}")
    return items


def _without_words(metric: WordErrors, utterances: Sequence[Utterance]) -> Iterator[LeftOut]:
    texts = {u.id: u.text for u in utterances if u.text and not u.text.isspace()}
    scripts = {identifier: script for identifier, text in texts.items()
               if unparted(text) and (script := metric.unmeasurable(text))}
    if not scripts:
        return
    why = (f"{', '.join(sorted(set(scripts.values())))} writing does not part words by spaces; "
           "measure mixed_error_rate or cer")
    if len(scripts) == len(texts):
        raise ConfigError(f"{metric.name}: no reference has words to count: {why}, or "
                          f"{metric.name} with unit=space where the words were parted beforehand")
    yield LeftOut("utterance", metric.name, why, len(scripts), tuple(scripts)[:NAMED])
