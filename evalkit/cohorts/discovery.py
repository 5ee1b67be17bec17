"""Who is underserved, and is it real.

The speakers are divided at random into two halves. Every finder searches one half; the search is
repeated with outcomes shuffled among speakers, which says how large a gap chance would have
found. The rules found are frozen and their worst cohorts tested on the other half, all finders
together (evalkit.cohorts.confirm). The gap where it was discovered and the gap on fresh speakers
are both reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.cohorts.columns import WHERE
from evalkit.cohorts.confirm import adjust_chains, how_tested
from evalkit.cohorts.evidence import FRESH
from evalkit.cohorts.finder import Finder
from evalkit.cohorts.findings import Discovery
from evalkit.cohorts.loading import Subject, load_speakers, subject_of
from evalkit.cohorts.speakers import Speakers
from evalkit.cohorts.summaries import finding_of, on_half
from evalkit.cohorts.tables import member_table, speaker_table
from evalkit.cohorts.trial import STANDARD, Halves, Result, Settings, search_and_test
from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.plugins import available, create
from evalkit.core.text import count, nameless, with_unit
from evalkit.statistics.bootstrap import FEW_SPEAKERS, Resampling
from evalkit.statistics.labels import UNKNOWN
from evalkit.store.documents.findings import Findings
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import ratio


def discover(run: RunFolder, *, metric: str | None = None, pipeline: str | None = None,
             condition: str | None = None, finders: Sequence[Finder] | None = None,
             postcodes: Path | None = None, settings: Settings = STANDARD,
             allowed: Collection[str] = ()) -> Discovery:
    """Looks for underserved cohorts in a run with every finder that it has the data for.

    ``metric`` None is the run's most important one, ``pipeline`` None the first that has it,
    ``condition`` None pools all.
    ``finders`` None are all that are installed (plug-in group "cohorts"); ``allowed`` are columns
    that are searched although they are outcomes. Raises EvalkitError for a metric, pipeline,
    condition, column or file that there is not."""
    subject = subject_of(run, metric, pipeline, condition)
    speakers = load_speakers(run, subject, postcodes, allowed)
    if not speakers.by_speaker.weight.any():
        raise ConfigError(f"{run.path}: {subject.metric} has no value of anybody, so that nothing "
                          "can be searched: its utterances failed, or have nothing to count")
    if finders is None:
        finders = [create("cohorts", name) for name in available("cohorts")]
    return discover_among(speakers, subject, finders, settings)


def discover_among(speakers: Speakers, subject: Subject, finders: Sequence[Finder],
                   settings: Settings = STANDARD) -> Discovery:
    """The same for speakers that are loaded already; ``subject`` says what was measured."""
    on_discovery = halves(len(speakers.ids), settings.resampling.seed)
    sides = Halves(speakers.take(on_discovery), speakers.take(~on_discovery))
    why = [finder.lacks(sides.discovery) for finder in finders]
    results = [search_and_test(finder, sides, settings)
               for finder, lacking in zip(finders, why, strict=True) if not lacking]
    rules = [(result.finder, result.rule) for result in results]
    left_out = [LeftOut("finder", WHERE, lacking, names=(finder.name,))
                for finder, lacking in zip(finders, why, strict=True) if lacking]
    left_out += [item for finder, _ in rules for item in finder.left_out(speakers)]
    findings = _findings(
        results, speakers, sides, subject, settings=settings,
        left_out=[*left_out, *speakers.left_out, *_rare_labels(sides, settings),
                  *_all_alike(sides, subject, [finder.name for finder, _ in rules])])
    return Discovery(findings, {finder.name: rule for finder, rule in rules},
                     member_table(speakers, rules), speaker_table(speakers, on_discovery))


def halves(n_speakers: int, seed: int) -> np.ndarray:
    """Which speakers are for discovery, (n_speakers,) of bool: a random half, whatever their
    errors."""
    order = np.random.default_rng(seed).permutation(n_speakers)
    return order < (n_speakers + 1) // 2


def _rare_labels(sides: Halves, settings: Settings) -> Iterator[LeftOut]:
    """The labels that too few speakers have to be searched for, or to be confirmed."""
    asked = [floors.speakers for floors in (settings.floors, settings.to_confirm)]
    for name in map(str, sides.discovery.utterance_labels):
        n = pd.DataFrame({i: _speakers_by_label(half, name) for i, half in enumerate(sides)})
        rare = sorted(n.index[(n.fillna(0) < asked).any(axis=1)].difference([UNKNOWN]))
        if rare:
            yield LeftOut("label", WHERE, f"{name}: fewer than {asked[0]} speakers to be found by "
                          f"or fewer than {asked[1]} fresh ones to be confirmed by", len(rare),
                          tuple(rare[:NAMED]))


def _all_alike(sides: Halves, subject: Subject, finders: Sequence[str]) -> Iterator[LeftOut]:
    """The finders, on a half of the speakers where nobody can be worse than anybody."""
    for where, half in zip((WHERE, "confirmation"), sides, strict=True):
        rate = ratio(half.by_utterance.harm, half.by_utterance.weight)
        known = np.unique(rate[~np.isnan(rate)])
        if len(known) == 1 and finders:
            value = with_unit(half.sign * float(known[0]), subject.fact)
            why = f"{subject.metric} of every utterance is {value}: nobody is worse than anybody"
            yield LeftOut("finder", where, why, len(finders), tuple(finders[:NAMED]))


def _speakers_by_label(half: Speakers, column: str) -> pd.Series:
    measured = half.by_utterance.n > 0
    speaker = pd.Series(half.by_utterance.speaker).where(measured)
    return speaker.groupby(half.utterance_labels[column].to_numpy(object)).nunique()


def _findings(results: Sequence[Result], speakers: Speakers, sides: Halves, subject: Subject,
              *, left_out: Sequence[LeftOut], settings: Settings) -> Findings:
    adjusted = adjust_chains([[test.p_value for test in result.tests] for result in results])
    findings = [finding_of(result, p, speakers, sides, settings)
                for result, p in zip(results, adjusted, strict=True)]
    everybody = np.arange(len(speakers.ids))
    return Findings(
        metric=subject.metric, fact=subject.fact, pipeline=subject.pipeline,
        condition=subject.condition, n_discovery=len(sides.discovery.ids),
        n_confirmation=len(sides.confirmation.ids),
        overall=on_half(speakers.by_speaker, everybody, speakers, settings.floors,
                        settings.resampling),
        level=settings.resampling.level, seed=settings.resampling.seed, finders=findings,
        columns={str(name): sorted(labels.unique())
                 for name, labels in speakers.utterance_labels.items()},
        left_out=merged(left_out),
        warnings=_warnings(speakers, sides.confirmation, settings.resampling))


def _warnings(speakers: Speakers, confirmation: Speakers, resampling: Resampling) -> list[str]:
    notes = list(speakers.warnings)
    alone = speakers.ids[speakers.by_utterance.speaker] == speakers.utterance_ids
    if alone.any():
        notes.append(f"{nameless(int(alone.sum()))}, each counted as a speaker of its own: where "
                     "they share speakers, p-values are too small")
    if (n := len(confirmation.ids)) < FEW_SPEAKERS:
        can = "only large gaps" if n >= 2 * FRESH else "nothing"
        notes.append(f"{count(n, 'speaker')} to confirm on: fewer than {FEW_SPEAKERS}, {can} can "
                     "be confirmed")
    if many := how_tested(confirmation.by_speaker, resampling):
        notes.append(f"on fresh speakers, {many}")
    return notes
