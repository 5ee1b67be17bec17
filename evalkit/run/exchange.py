"""What plug-ins are handed, and what is taken of their results.

Samples are copied both ways and what is handed out cannot be written into, so that nothing a
plug-in does with an array, then or later, reaches another part of the run. Every result is looked
at here, and nowhere else: what is of another type, shape, rate or length than its protocol says,
is not finite or cannot be written as text, is the failure of its utterance.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.lattices import WordLattice
from evalkit.core.protocols import Metric
from evalkit.core.types import Audio, Heard, Hypothesis, Measurement, Utterance, Word
from evalkit.run.events import taken_events
from evalkit.run.values import (
    MOST_ALTERNATIVES,
    MOST_WORDS,
    article,
    at_most,
    checked_number,
    named,
    taken_text,
    taken_word,
)

LARGEST_VECTOR = 65_536
"""Numbers of an embedding."""
LARGEST_NUMBER = 10.0**30
"""Of a measurement: sums of such numbers and of their squares are finite."""
_STREAM = "the output of the enhancer's stream"
ODD_SECONDS = 1.0
"""An enhancer's output lasts from half to twice as long as its input and delay, and this longer."""


def handed(audio: Audio) -> Audio:
    """A copy that nobody can write into, not even by NumPy's ``setflags``."""
    samples = audio.samples.astype(np.float32, copy=False)
    return Audio(np.frombuffer(samples.tobytes(), np.float32), audio.rate)


def handed_utterance(utterance: Utterance) -> Utterance:
    """A copy with metadata of its own."""
    return replace(utterance, metadata=dict(utterance.metadata))


def taken_list(made: Any, most: int) -> list[Any]:
    """The results of a batch, ``most`` at most of them."""
    if not isinstance(made, Iterable):
        raise UtteranceError("WrongType", f"what it made of the batch is {named(made)}; it must "
                                          "hold a result for each utterance")
    return list(islice(made, most))


def taken_enhanced(made: Any, heard: Audio, delay: float) -> Audio:
    """What an enhancer with a ``delay`` in seconds made of ``heard``."""
    audio = _taken_audio(made, "the enhancer's output")
    shortest, longest = heard.duration / 2, 2 * (heard.duration + delay) + ODD_SECONDS
    if not shortest <= audio.duration <= longest:
        raise UtteranceError("WrongLength", f"the enhancer made {audio.duration:.4g} s of "
                             f"{heard.duration:.4g} s; it must keep the length")
    return audio


def taken_delay(made: Any) -> int:
    """The delay that a stream states, in samples."""
    if not isinstance(made, int | np.integer) or isinstance(made, bool) or made < 0:
        raise UtteranceError("WrongDelay", f"the enhancer's stream states the delay {made!r}; it "
                                           "must be a whole number of samples from 0")
    return int(made)


def taken_piece(made: Any, most: int) -> np.ndarray:
    """What came out of a stream in which ``most`` samples are."""
    piece = _floats(made, _STREAM, empty=True)
    if len(piece) > most:
        raise UtteranceError("WrongLength", f"the enhancer's stream gave {len(piece):,} samples "
                             f"when only {most:,} that had come in were left; it must not run "
                             "ahead")
    return piece


def taken_end(made: Any, left: int) -> np.ndarray:
    """What came out of a stream at its end, of which ``left`` samples were still to come."""
    piece = _floats(made, _STREAM, empty=True)
    if len(piece) != left:
        raise UtteranceError("WrongLength", f"the enhancer's stream ended with {len(piece):,} "
                             f"samples when {left:,} were left; in all it must give those that "
                             "came in and its delay")
    return piece


def taken_heard(made: Any, speech: Audio) -> Heard:
    """What a condition made of ``speech``, which is the reference where it gives no other."""
    moved = isinstance(made, Heard)
    audio = _taken_audio(made.audio if moved else made, "the condition's output")
    reference = _taken_audio(made.reference, "the condition's reference") if moved else speech
    for each in (audio, reference):
        if each.rate != speech.rate:
            raise UtteranceError("WrongRate", f"the condition made {each.rate} Hz of "
                                              f"{speech.rate} Hz; it must keep the rate")
    if len(audio.samples) != len(reference.samples):
        remedy = ("both must be of one length" if moved else
                  "it must keep the length, or be Heard, with a reference as long")
        raise UtteranceError("WrongLength", f"the condition made {len(audio.samples):,} samples "
                             f"of {len(reference.samples):,}; {remedy}")
    return Heard(audio, reference, _taken_inserted(made.inserted) if moved else ())


def _taken_inserted(made: Any) -> tuple[tuple[float, float], ...]:
    """What a condition says that it has put in."""
    taken = tuple(map(_taken_pair, _of_type(made, tuple, "what the condition says that it "
                                                         "inserted")))
    if [*taken] != sorted(taken, key=lambda pair: pair[0]):
        raise UtteranceError("BadTime", "what the condition says that it inserted is not in the "
                                        "order of time")
    return taken


def _taken_pair(made: Any) -> tuple[float, float]:
    if not isinstance(made, tuple) or len(made) != 2:
        raise UtteranceError("WrongType", f"the condition says that it inserted {made!r}; it must "
                                          "be a pair of seconds, where and how long")
    at, seconds = (_number(value, "what the condition says that it inserted") for value in made)
    if min(at, seconds) < 0:
        raise UtteranceError("BadTime", "the condition says that it inserted before the beginning, "
                                        "or less than nothing")
    return at, seconds


def _taken_audio(made: Any, whose: str) -> Audio:
    made = _of_type(made, Audio, whose)
    rate, samples = made.rate, made.samples
    if not isinstance(rate, int | np.integer) or isinstance(rate, bool) or rate < 1:
        raise UtteranceError("WrongRate", f"{whose} has the rate {rate!r}; it must be a whole "
                                          "number of Hz")
    return Audio(_floats(samples, whose, " with full scale ±1"), int(rate))


def _floats(values: Any, whose: str, scale: str = "", *, empty: bool = False) -> np.ndarray:
    """A private float32 copy of finite numbers, of shape (n,), from 0 where it may be ``empty``."""
    values = _of_type(values, np.ndarray, f"what {whose} holds")
    if values.ndim != 1 or not (empty or len(values)):
        raise UtteranceError("WrongShape", f"{whose} has the shape {values.shape}; it must be (n,)")
    if values.dtype.kind != "f":
        raise UtteranceError("WrongType", f"{whose} holds {values.dtype}; it must be float32"
                                          f"{scale}")
    with np.errstate(over="ignore"):
        copy = np.array(values, np.float32, subok=False, order="C")
    if not np.isfinite(copy).all():
        raise UtteranceError("NotFinite", f"{whose} holds NaN or infinite numbers")
    return copy


def taken_hypothesis(made: Any) -> Hypothesis:
    """What a recognizer heard, its texts such as can be written as UTF-8."""
    made = _of_type(made, Hypothesis, "the recognizer's result")
    words = at_most(made.words, MOST_WORDS, Word, "its words")
    others = at_most(made.alternatives, MOST_ALTERNATIVES, Hypothesis, "its alternatives")
    text = taken_text(made.text, "the hypothesis")
    return Hypothesis(
        text, tuple(map(taken_word, words)),
        checked_number(made.confidence, "the hypothesis's confidence"),
        tuple(Hypothesis(taken_text(each.text, "an alternative"), confidence=checked_number(
            each.confidence, "an alternative's confidence")) for each in others),
        taken_events(made.events, text))


def taken_lattice(made: Any) -> WordLattice:
    """What a recognizer took into account, its words such as can be written in a line."""
    lattice: WordLattice = _of_type(made, WordLattice, "the recognizer's lattice")
    for link in lattice.links:
        if link.word is not None and not taken_text(link.word, "a link").isprintable():
            raise UtteranceError("BadText", f"a link has the word {link.word!r}, which cannot be "
                                            "written in a line")
    return lattice


def taken_embedding(made: Any) -> np.ndarray:
    """A speaker encoder's vector, float32 of shape (dimension,)."""
    vector = _floats(made, "the embedding")
    if len(vector) > LARGEST_VECTOR:
        raise UtteranceError("WrongShape", f"the embedding has {len(vector):,} numbers; at most "
                                           f"{LARGEST_VECTOR:,} are taken")
    if not vector.any():
        raise UtteranceError("ZeroEmbedding", "the embedding is zero, which is like no other")
    return vector


def taken_measurements(made: Any, metric: Metric) -> dict[str, Measurement]:
    """What a metric measured, under names of its facts."""
    made = dict(_of_type(made, Mapping, f"the result of {metric.name}"))
    if not made:
        raise UtteranceError("NothingMeasured", f"{metric.name} gave no measurement and no error")
    facts = metric.facts
    for name in made:
        if name not in facts or facts[name].derived:
            names = ", ".join(name for name, fact in facts.items() if not fact.derived)
            raise UtteranceError("WrongName", f"{metric.name} measured {name!r}, which its facts "
                                              f"do not name; they name {names}")
    if _are_plain(made.values()) and {*map(type, made)} == {str}:
        return made
    return {str(name): _taken_measurement(name, value) for name, value in made.items()}


def _are_plain(made: Collection[Any]) -> bool:
    """Whether all are measurements of floats and nothing is wrong with any: what looking at each
    would say, of all at once."""
    if {*map(type, made)} != {Measurement}:
        return False
    amounts, weights = [m.amount for m in made], [m.weight for m in made]
    # NaN and infinity make the sum one of them; a sum that is too large is looked at again.
    return ({*map(type, amounts), *map(type, weights)} == {float} and min(weights) >= 0
            and sum(map(abs, amounts)) + sum(weights) <= LARGEST_NUMBER)


def _taken_measurement(name: str, made: Any) -> Measurement:
    made = _of_type(made, Measurement, f"what was measured as {name}")
    amount, weight = _number(made.amount, f"the amount of {name}"), _number(
        made.weight, f"the weight of {name}")
    if weight < 0:
        raise UtteranceError("WrongWeight", f"the weight of {name} is {weight:g}; none is negative")
    return Measurement(amount, weight)


def _number(value: Any, whose: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise UtteranceError("WrongType", f"{whose} is {named(value)}, not a number; make it a "
                                          "float")
    try:
        number = float(value)
    except OverflowError:
        number = LARGEST_NUMBER * 10
    if not math.isfinite(number):
        raise UtteranceError("NotFinite", f"{whose} is {number}; raise UtteranceError where "
                                          "nothing can be measured")
    if abs(number) > LARGEST_NUMBER:
        raise UtteranceError("TooLarge", f"{whose} is beyond {LARGEST_NUMBER:g}")
    return number


def _of_type(value: Any, wanted: type, whose: str) -> Any:
    if not isinstance(value, wanted):
        raise UtteranceError("WrongType", f"{whose} is {named(value)}; it must be "
                                          f"{article(wanted.__name__)}")
    return value

