"""What a plug-in is called with, and all of it: structural types that nothing inherits.

Plug-ins are dataclasses, their parameters are the fields, so that a misspelt option is an error.
Every member is needed: a plug-in that lacks one is refused by name before a run starts. Only what
is called a face is its own to have or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from evalkit.core.errors import UtteranceError
from evalkit.core.lattices import WordLattice
from evalkit.core.ledger import LeftOut
from evalkit.core.types import (
    Audio,
    Cost,
    Endpoint,
    Fact,
    Heard,
    Hypothesis,
    Measurement,
    Output,
    Recording,
    Shown,
    Utterance,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn


class Identified(Protocol):
    @property
    def identity(self) -> str:
        """Names exactly what decides the results: options, package version, hash of weights.

        Results are kept under it: the same identity means that they can be used again."""
        ...


class Listener(Identified, Protocol):
    """A part of a pipeline that is given audio, in batches. In place of a result it may give an
    UtteranceError, the failure of that utterance alone; an error that it raises is of the batch,
    whose utterances are then tried one by one. SystemLostError ends the run."""

    rate: int | None
    """Sampling rate in Hz that it wants, None for any."""
    batch: int
    """How many utterances it is given at most at a time, from 1. They are of about one length."""


class Costed(Protocol):
    """The face of a listener that says what its network takes. Every enhancer has it; a recognizer
    or encoder may, and of one that has not this is not known."""

    @property
    def cost(self) -> Cost:
        """Asked for once: of an enhancer before a run starts, of the others by a process that has
        loaded it."""
        ...


class Enhancer(Listener, Costed, Protocol):
    delay: float
    """Stated algorithmic delay in seconds of what ``enhance`` gives back; the runner aligns it."""

    def enhance(self, batch: Sequence[Audio]) -> Sequence[Audio | UtteranceError]:
        """One output each, at its input's rate, about ``delay`` late, and longer by no more."""
        ...


class AudioStream(Protocol):
    """One signal on its way through an enhancer, piece by piece. Of n samples in, n + ``delay``
    have come out at the end, in pieces that need not be as long as those that came in."""

    @property
    def delay(self) -> int:
        """Samples by which what comes out is late, resampling and all else included."""
        ...

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The next samples (n,) in, from 0 of them, and those out that are ready, float32: never
        more in all than have come in. What comes out does not depend on how the signal is cut."""
        ...

    def finish(self) -> np.ndarray:
        """The samples that are still to come out, of a signal that has ended."""
        ...


class StreamingEnhancer(Enhancer, Protocol):
    """The face of an enhancer that needs not have heard the whole of a signal.

    One that has it is named in the entry-point group ``streaming_enhancers`` as well as among the
    enhancers."""

    def open(self, rate: int) -> AudioStream:
        """A stream at ``rate`` Hz, the enhancer's own where it has one. What comes out of it is,
        its delay aside, what ``enhance`` makes of the whole. Streams know nothing of each other."""
        ...


class Recognizer(Listener, Protocol):
    needs_audio: Literal[True]

    def transcribe(self, batch: Sequence[Audio]) -> Sequence[Hypothesis | UtteranceError]: ...


class TextStream(Protocol):
    """One utterance on its way through a recognizer, piece by piece. What it shows at a moment does
    not depend on how the samples up to then were cut."""

    def push(self, samples: np.ndarray) -> Sequence[Shown]:
        """The next samples (n,) in, from 1 of them, and what it shows now, in order: nothing where
        nothing is new. A ``final`` text may still grow, by what is said next."""
        ...

    def finish(self) -> Hypothesis:
        """What was heard of an utterance that has ended."""
        ...


class StreamingRecognizer(Recognizer, Protocol):
    """The face of a recognizer that shows what it has heard before the utterance has ended.

    One that has it is named in the entry-point group ``streaming_recognizers`` as well as among
    the recognizers."""

    def open(self, rate: int) -> TextStream:
        """A stream at ``rate`` Hz, the recognizer's own where it has one. Streams know nothing of
        each other, and one is finished or dropped before the next is asked for."""
        ...


class LatticeRecognizer(Recognizer, Protocol):
    """The face of a recognizer that tells all that it took into account.

    One that has it is named in the entry-point group ``lattice_recognizers`` as well as among the
    recognizers."""

    def lattices(self, batch: Sequence[Audio]) -> Sequence[WordLattice | UtteranceError]:
        """One each, whose best path is what ``transcribe`` gives."""
        ...


class EndpointStream(Protocol):
    """One utterance on its way through an end-pointer, piece by piece."""

    def push(self, samples: np.ndarray) -> Sequence[Endpoint]:
        """The next samples (n,) in, from 1 of them, and the end-points that are known with them,
        in order: each later than all samples before these, and no later than the last of these.
        What comes out does not depend on how the signal is cut. Another end-point after one means
        that speech went on."""
        ...


class Endpointer(Identified, Protocol):
    """Says when a speaker has ended, having heard nothing of what comes behind."""

    rate: int | None
    """Sampling rate in Hz that it wants, None for any."""

    def open(self, rate: int) -> EndpointStream:
        """A stream at ``rate`` Hz, the end-pointer's own where it has one. Streams know nothing of
        each other."""
        ...


class SpeakerEncoder(Listener, Protocol):
    needs_audio: Literal[True]

    def embed(self, batch: Sequence[Audio]) -> np.ndarray | Sequence[np.ndarray | UtteranceError]:
        """(len(batch), dimension), rows of unit length."""
        ...


class Trainable(Protocol):
    """The face of a system whose weights can be changed by training.

    A system that has it is named in the entry-point group ``trainable_recognizers`` or
    ``trainable_encoders`` as well as among the recognizers or encoders."""

    rate: int
    """Sampling rate in Hz of the waveforms that it is taught with."""

    @property
    def module(self) -> nn.Module:
        """The network, on the CPU until it is moved; inputs follow its weights. It belongs to
        this object alone: training it changes what this object hears. That of a speaker encoder
        maps waveforms (n, samples) to embeddings (n, 1, dimension) of any length."""
        ...


class TrainableRecognizer(Trainable, Recognizer, Protocol):
    """A recognizer with an output layer of labels, and a loss for a text."""

    rate: int

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]: ...

    @property
    def output(self) -> tuple[str, ...]:
        """Prefixes of the names of the output layer's parameters; all others are the encoder."""
        ...

    @property
    def further_input(self) -> tuple[str, int] | None:
        """Name and width of the submodule whose output (n, frames, width) a further input may be
        added to; None where the network has no such place."""
        ...

    def spell(self, text: str) -> Sequence[int]:
        """``text`` as labels of the model's own alphabet. Raises UtteranceError of kind BadText,
        naming the first character that the alphabet lacks."""
        ...

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, (len(batch),). Raises
        UtteranceError of kind BadText or TooShort."""
        ...

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        """Log-posteriors (len(batch), frames, labels), and how many frames are valid."""
        ...

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors, in the form that its option ``weights`` reads."""
        ...


class Recalled(Identified, Protocol):
    """A recognizer or encoder whose results were made elsewhere and are looked up.

    ``recall`` gives one result an utterance: a Hypothesis, or a unit vector of shape
    (dimension,). It raises UtteranceError where there is none. A recognizer whose hypotheses have
    events is named in the entry-point group ``event_logs`` as well as among the recognizers.
    """

    needs_audio: Literal[False]

    def recall(self, utterance: Utterance) -> Any: ...


class Metric(Protocol):
    name: str
    version: str
    """Changes whenever the numbers could: options, rules and packages. Scores are kept under
    it."""
    needs: frozenset[str]
    """Of {"audio", "reference_audio", "text", "hypothesis", "events", "endpoints"}. Events are
    those of the hypothesis, of which end-points are the ones that are not partial; an end-pointer
    alone has a hypothesis without text. With the text come the times of its words, and with
    end-points ``duration`` is that of what was heard, where that is known."""
    text_options: frozenset[str]
    """Those of {"normaliser", "costs"} which are options of this metric and are to be the run's
    where the metric's own configuration does not give them. Empty for metrics of audio."""
    facts: Mapping[str, Fact]
    """Every name that ``measure`` returns, sub-counts included, and those that are derived."""

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError where the utterance cannot be measured."""
        ...


class Condition(Identified, Protocol):
    def bind(self, utterances: Sequence[Utterance]) -> Condition:
        """This condition for the corpus ``utterances``, such as one whose babble is made of their
        voices; itself where the corpus does not matter. Called once, before a run starts."""
        ...

    def apply(self, speech: Audio, utterance: Utterance) -> Audio | Heard:
        """What the microphone hears when ``speech`` is spoken under this condition, at its rate,
        and the same for the same utterance. Audio is of the length of ``speech``, with which
        metrics compare. Where they are to compare with something else, such as speech that is as
        fast, it is Heard, which may be of another length. Raises UtteranceError."""
        ...


class CorpusReader(Protocol):
    """A function that reads a corpus in one layout. Its options are keyword parameters with
    defaults, given by name."""

    def __call__(self, source: Path) -> Iterable[Utterance | LeftOut]:
        """An Utterance for everything of the folder or file ``source`` that can be used, and a
        LeftOut for the rest. Raises ManifestError where ``source`` is no such corpus."""
        ...
