"""Which column of a table of results is what: as the user says, or as people usually name them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.systems.transcripts.keys import HEARD, IDS, PATHS

REFERENCES = ("reference", "ref", "reference_text", "ref_text", "text_ref", "ground_truth",
              "groundtruth", "gold", "target", "text", "sentence", "normalized_text", "transcript",
              "transcription", "raw_reference", "normalized_reference")
HYPOTHESES = (*HEARD, "hypothesis_text", "hyp_text", "text_hyp", "predictions",
              "asr_text", "recognized", "recognised", "decoded", "raw_hypothesis",
              "normalized_hypothesis")
SPEAKERS = ("speaker", "speaker_id", "speakerid", "spk", "spk_id", "spkid", "client_id", "user_id",
            "user_ids", "userid", "reader", "reader_id", "participant", "participant_id", "subject",
            "subject_id", "speaker_name")
SYSTEMS = ("system", "system_id", "system_name", "model", "model_id", "model_name", "backend",
           "backend_id", "recognizer", "asr_system", "engine")
COUNTS: Mapping[str, tuple[str, ...]] = {
    "hits": ("hits", "correct", "n_hits", "num_hits", "c"),
    "substitutions": ("substitutions", "subs", "sub", "substituted", "n_sub", "num_sub", "s"),
    "deletions": ("deletions", "dels", "del", "deleted", "n_del", "num_del", "d"),
    "insertions": ("insertions", "ins", "inserted", "n_ins", "num_ins", "i"),
    "words": ("words", "reference_words", "ref_words", "n_words", "num_words", "n_ref", "ref_len",
              "reference_length", "n")}
"""By the kind of count, ``words`` being all of the reference, what its column is usually called."""
VERSA = re.compile(r"(espnet|owsm|f?whisper|nemo|hubert)_hyp_text")
"""What VERSA calls the columns of what its recognizers heard."""
ERRORS = ("substitutions", "deletions", "insertions")
FURTHER_IDS = ("utterance", "uuid", "segment_id", "sample_id", "clip_id", "audio_id", "file_id",
               "recording_id", "eval_id", "item_id")
KNOWN = frozenset({*IDS, *FURTHER_IDS, *PATHS, *REFERENCES, *HYPOTHESES, *SPEAKERS, *SYSTEMS,
                   *(name for names in COUNTS.values() for name in names)})
"""What tells that a line holds the names of columns."""


@dataclass(frozen=True)
class Columns:
    """What the user says of the columns; what is None or empty is found by its usual name.

    ``hypotheses`` are names of systems and of their columns, a name "" being the table's own;
    ``counts`` kinds of COUNTS and their columns. The first group of ``speaker_pattern``, or all
    that it matches, at the beginning of an id names the speaker. Several columns of a ``reference``
    have a right text each, and so has a list in a cell where ``alternatives``."""

    id: str | None = None
    reference: str | Sequence[str] | None = None
    hypotheses: Mapping[str, str] = field(default_factory=dict)
    speaker: str | None = None
    system: str | None = None
    audio: str | None = None
    counts: Mapping[str, str] = field(default_factory=dict)
    speaker_pattern: str | None = None
    alternatives: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(self.counts.keys() - COUNTS.keys()):
            raise ConfigError(f"--count {unknown[0]}: {offer(unknown[0], COUNTS)}")
        if self.counts and self.hypotheses:
            raise ConfigError("--count and --hyp: errors that were counted, or texts, are scored; "
                              "leave one of them away")
        try:
            re.compile(self.speaker_pattern or "")
        except re.error as error:
            raise ConfigError(f"--speaker-pattern {self.speaker_pattern!r}: is no regular "
                              f"expression: {error}") from error

    @property
    def references(self) -> tuple[str, ...]:
        """The columns that are said for what was said."""
        named = self.reference or ()
        return (named,) if isinstance(named, str) else tuple(named)

    @property
    def has_readings(self) -> bool:
        """Whether a reference may be several texts."""
        return self.alternatives or len(self.references) > 1

    @property
    def given(self) -> dict[str, str]:
        """Names of columns that the user gives, by the option."""
        single = {"--id": self.id, "--speaker": self.speaker,
                  "--system": self.system, "--audio": self.audio}
        several = [*product(["--ref"], self.references),
                   *product(["--hyp"], self.hypotheses.values())]
        named = {option: column for option, column in single.items() if column is not None}
        return named | {f"{option} {column}": column for option, column in [
            *several, *((f"--count {kind}", column) for kind, column in self.counts.items())]}

    @property
    def known(self) -> frozenset[str]:
        """Names, in lower case, that tell a line of column names."""
        return KNOWN | {column.lower() for column in self.given.values() if not column.isdigit()}


@dataclass(frozen=True)
class Chosen:
    """Which column of one table is what. ``whole_path`` says that an id that is a path is taken
    as it stands. Without ``counts`` the hypotheses are texts."""

    id: str
    references: tuple[str, ...]
    hypotheses: Mapping[str, str]
    speaker: str | None
    system: str | None
    audio: str | None
    counts: Mapping[str, str]

    @cached_property
    def used(self) -> frozenset[str]:
        """Every column that is no metadata."""
        single = (self.id, self.speaker, self.system, self.audio)
        return frozenset({*(column for column in single if column), *self.references,
                          *self.hypotheses.values(), *self.counts.values()})

    def describe(self) -> str:
        """Such as "id: idx, reference: text, speaker: user_ids"."""
        hypotheses = [f"hypothesis of {name}: {column}" if name else f"hypothesis: {column}"
                      for name, column in self.hypotheses.items()]
        parts = {"id": self.id, "reference": " or ".join(self.references), "speaker": self.speaker,
                 "system": self.system, "audio": self.audio, **self.counts}
        named = [f"{what}: {column}" for what, column in parts.items() if column]
        return ", ".join([*named[:2], *hypotheses, *named[2:]])


def choose(where: str, columns: Sequence[str], given: Columns, *, hypotheses: bool,
           named: bool = True) -> Chosen:
    """The columns of the table ``where``; its ``hypotheses`` are looked for where it is to hold
    them, or else counts of errors. Those of a table without names (``named``) are the id and the
    text where the user says nothing. Raises ConfigError for a column that is not there, and where
    the id or what is scored is not found."""
    for option, column in given.given.items():
        if column not in columns:
            raise ConfigError(f"{where}: no column {column!r} ({option}); "
                              f"{offer(column, columns, 'its columns are')}")
    first, second = columns[:2] if not named and len(columns) == 2 else (None, None)
    heard, counts = _heard(where, columns, given) if hypotheses else ({}, {})
    usual = second or usual_column(columns, REFERENCES)
    speaker = given.speaker or usual_column(columns, SPEAKERS)
    return Chosen(given.id or first or _id(where, columns),
                  given.references or ((usual,) if usual else ()), heard, speaker, given.system,
                  given.audio, counts)


def _id(where: str, columns: Sequence[str]) -> str:
    usual = usual_column(columns, (*IDS, *FURTHER_IDS, *PATHS))
    if usual is None:
        raise ConfigError(f"{where}: no column is known for the id of the utterance; "
                          f"{offer('id', columns, 'its columns are')}; say --id COLUMN")
    return usual


def _heard(where: str, columns: Sequence[str], given: Columns
           ) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The columns of hypotheses, or else those of counts."""
    if given.counts:
        return given.hypotheses, {} if given.hypotheses else _counts(where, columns, given.counts)
    usual = usual_column(columns, HYPOTHESES)
    heard = given.hypotheses or {found[1]: found[0] for found in map(VERSA.fullmatch, columns)
                                 if found} or ({"": usual} if usual else {})
    return heard, {} if heard else _counts(where, columns, {})


def _counts(where: str, columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """The columns of counts. Raises ConfigError where there are not enough of them."""
    found = {kind: given.get(kind) or usual_column(columns, names)
             for kind, names in COUNTS.items()}
    counts = {kind: column for kind, column in found.items() if column is not None}
    missing = [kind for kind in ERRORS if kind not in counts]
    if len(missing) == len(ERRORS) and not given:
        raise ConfigError(f"{where}: no column is known for what was heard; "
                          f"{offer('hypothesis', columns, 'its columns are')}; say --hyp COLUMN, "
                          "or give files to --hypotheses")
    if not {"hits", "words"} & counts.keys():
        missing.append("words")
    if missing:
        raise ConfigError(f"{where}: counts of errors need {missing[0]} too; "
                          f"{offer(missing[0], columns, 'its columns are')}; say --count "
                          f"{missing[0]}=COLUMN")
    return counts


def system_column(columns: Iterable[str], used: Collection[str]) -> str | None:
    """The column that usually names the system, of a table with several rows an utterance."""
    return usual_column([column for column in columns if column not in used], SYSTEMS)


def usual_column(columns: Sequence[str], usual: Sequence[str]) -> str | None:
    """The first of the ``usual`` names that is a column's, whatever its case."""
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    return next((by_name[name] for name in usual if name in by_name), None)
