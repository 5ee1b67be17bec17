"""``run.json``: everything that decided a run's numbers; ``summary.json``: its headline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from evalkit.core.config import EvalConfig
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Cost, Fact, Number
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.batching import BatchEffects

MOST_DECIMALS = 9
UNCHANGED = "unchanged"
"""The identity of a condition under which the speech is heard as it is."""


def _showable(fact: Fact) -> Fact:
    if not 0 <= fact.decimals <= MOST_DECIMALS:
        raise ValueError(f"decimals: {fact.decimals} is not from 0 to {MOST_DECIMALS}")
    if fact.bounds is not None and not fact.bounds[0] < fact.bounds[1]:
        raise ValueError("bounds: must be the lower and the upper end of a scale")
    return fact


ShownFact = Annotated[Fact, AfterValidator(_showable)]


class Normaliser(Part):
    """A text normaliser of both sides; its version changes whenever the result could."""

    name: str
    version: str


FurtherNormalisers = Annotated[
    list[Normaliser], Field(default_factory=list, exclude_if=lambda given: not given)]
"""Those after the first of a run, in no document of a run that has one."""


MadeOfLabels = Annotated[
    dict[str, dict[str, str | None]],
    Field(default_factory=dict, exclude_if=lambda given: not given)]
"""By column what became of each label that was given, where labels were brought into one form; None
is a label that is not known. In no document of other runs."""


class System(Part):
    """A part of a pipeline: its plug-in, and what it is made of to the byte. ``delay_ms`` is the
    stated algorithmic delay of an enhancer, ``stream_ms`` how much it was given at a time, None
    where that was whole utterances; ``cost`` what the network of a system that hears takes, None
    where nobody asked; ``batch`` how many utterances were heard at a time at most, None for what
    hears none."""

    name: str
    identity: str
    delay_ms: float | None = None
    stream_ms: float | None = None
    cost: Cost | None = None
    batch: int | None = None


class Pipeline(Part):
    """The systems of a pipeline, None where it has no such part."""

    enhancer: System | None = None
    recognizer: System | None = None
    encoder: System | None = None
    endpointer: Annotated[System | None, Field(exclude_if=lambda given: given is None)] = None

    @property
    def batches(self) -> dict[str, int]:
        """By stage that is given audio, how many utterances are heard at a time at most."""
        return {stage: system.batch for stage, system in self._stages.items() if system.batch}

    @property
    def in_batches(self) -> tuple[tuple[str, str, str, int | None], ...]:
        """Stage, name, identity and batch of the systems whose results may depend on what else is
        in a batch."""
        found = depending(self.batches)
        return tuple((stage, system.name, system.identity, system.batch)
                     for stage, system in self._stages.items() if stage in found)

    @property
    def _stages(self) -> dict[str, System]:
        systems = {"enhanced": self.enhancer, "recognised": self.recognizer,
                   "embedded": self.encoder}
        return {stage: system for stage, system in systems.items() if system}


def depending(batches: Mapping[str, int]) -> set[str]:
    """The stages whose results may depend on what else is in a batch, of those that are given
    audio and by how many utterances at a time: those that are given several, and all behind an
    enhancer that is."""
    return {stage for stage, batch in batches.items()
            if max(batch, batches.get("enhanced", 1)) > 1}


class Condition(Part):
    """What was done to the speech."""

    identity: str


class Corpus(Part):
    """``root`` is the folder of the manifest, or of what a reader read; ``digest`` is of every row
    and recording; ``unusable`` is how many rows, utterances or recordings of it are no utterance
    here; ``card`` is Markdown that lies in the folder."""

    name: str
    manifest: str
    root: str
    digest: str
    utterances: int
    speakers: int
    hours: float | None
    unusable: int = 0
    card: str | None


class TrialPairs(Part):
    """Which pairs of utterances were tried, and how many of one speaker and of two."""

    rule: str
    targets: int
    nontargets: int


class Machine(Part):
    """Where the run was made."""

    platform: str
    processor: str
    cores: int | None


class Timings(Part):
    """Of the whole run, from the plan to the last table."""

    wall_seconds: float
    workers: int
    shards: int
    shards_reused: int


class RunRecord(Document):
    """``run.json``. ``metrics`` has a fact for every name in the scores and trials tables and for
    those that follow from them; ``batching`` says what it changed that utterances were heard in
    batches; ``tables`` are the seals of the run's tables."""

    schema_number: ClassVar[int] = 5
    made_by: ClassVar[str] = "evalkit run` or `evalkit score"

    evalkit: str
    command: str
    created: str
    config: EvalConfig
    seed: int
    normaliser: Normaliser
    further_normalisers: FurtherNormalisers
    alignment_costs: str
    metrics: dict[str, ShownFact]
    pipelines: Annotated[dict[str, Pipeline], Field(min_length=1)]
    conditions: dict[str, Condition]
    corpus: Corpus
    left_out: list[LeftOut]
    labels: MadeOfLabels
    trials: TrialPairs | None
    resampler: str
    packages: dict[str, str]
    python: str
    machine: Machine
    git_commit: str | None
    timings: Timings
    batching: BatchEffects
    tables: dict[str, str]


class Score(Part):
    """A headline value with what stands behind it: ``n`` measured utterances, or trials."""

    pipeline: str
    condition: str
    metric: str
    value: Number
    n: int
    n_failed: int
    n_speakers: int


class TrialScore(Score):
    """``threshold`` is that of the equal error rate, NaN for other metrics."""

    threshold: Number


class Failure(Part):
    """``n`` utterances ``of`` all (or of the trials) that have no value of any of ``metrics``, for
    one ``kind`` of reason; ``why`` is the most frequent one in full, and of how many, ``names`` a
    few of them."""

    pipeline: str
    condition: str
    metrics: list[str]
    kind: str
    n: int
    of: int
    why: str
    names: list[str]

    def __str__(self) -> str:
        more = ", …" if self.n > len(self.names) else ""
        named = f" ({', '.join(self.names)}{more})" if self.names else ""
        return (f"{self.n:,} of {self.of:,} failed: {self.pipeline} {self.condition} "
                f"{', '.join(self.metrics)}: {self.why}{named}")


class Efficiency(Part):
    """Seconds of audio and of processing it, and their ratio, the real-time factor."""

    pipeline: str
    condition: str
    seconds: float
    processing_seconds: float
    rtf: Number


class Enhancing(Part):
    """What an enhancer took for the ``utterances`` that it was timed on, on one machine: seconds of
    their audio, of time that passed in its calls, and of processors in them, all threads
    together."""

    pipeline: str
    condition: str
    machine: str
    utterances: Annotated[int, Field(ge=0)]
    seconds: float
    elapsed_seconds: float
    processor_seconds: float


class Recognising(Enhancing):
    """The same of a recognizer, with the most memory that a process had resident meanwhile, in
    bytes: of all that was loaded in it."""

    peak_bytes: Annotated[int, Field(ge=0)]


class Summary(Document):
    """``summary.json``."""

    schema_number: ClassVar[int] = 4
    made_by: ClassVar[str] = "evalkit run` or `evalkit score"

    scores: list[Score]
    trials: list[TrialScore]
    failures: list[Failure]
    efficiency: list[Efficiency]
    enhancing: list[Enhancing]
    recognising: Annotated[
        list[Recognising], Field(default_factory=list, exclude_if=lambda given: not given)]
