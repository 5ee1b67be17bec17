"""Who is underserved, and is it real.

The speakers are divided at random into two halves. Every finder searches one half; the search is
repeated with outcomes shuffled among speakers, which says how large a gap chance would have
found. The rules found are frozen and their worst cohorts tested on the other half, all finders
together (evalkit.cohorts.confirm). The gap where it was discovered and the gap on fresh speakers
are both reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evalkit.cohorts.confirm import adjust_chains
from evalkit.cohorts.finder import Finder
from evalkit.cohorts.findings import Discovery
from evalkit.cohorts.loading import Subject, load_speakers, subject_of
from evalkit.cohorts.speakers import Speakers
from evalkit.cohorts.summaries import finding_of, on_half
from evalkit.cohorts.tables import member_table, speaker_table
from evalkit.cohorts.trial import STANDARD, Halves, Result, Settings, search_and_test
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.plugins import available, create
from evalkit.statistics.bootstrap import FEW_SPEAKERS
from evalkit.store.documents.findings import Findings
from evalkit.store.runfolder import RunFolder


def discover(run: RunFolder, *, metric: str | None = None, pipeline: str | None = None,
             condition: str | None = None, finders: Sequence[Finder] | None = None,
             postcodes: Path | None = None, settings: Settings = STANDARD) -> Discovery:
    """Looks for underserved cohorts in a run with every finder that it has the data for.

    ``metric`` and ``pipeline`` are the run's first where None, ``condition`` None pools all.
    ``finders`` None are all that are installed (plug-in group "cohorts"). Raises EvalkitError
    for a metric, pipeline, condition or file that there is not."""
    subject = subject_of(run, metric, pipeline, condition)
    speakers = load_speakers(run, subject, postcodes)
    if finders is None:
        finders = [create("cohorts", name) for name in available("cohorts")]
    return discover_among(speakers, subject, finders, settings)


def discover_among(speakers: Speakers, subject: Subject, finders: Sequence[Finder],
                   settings: Settings = STANDARD) -> Discovery:
    """The same for speakers that are loaded already; ``subject`` says what was measured."""
    on_discovery = halves(len(speakers.ids), settings.resampling.seed)
    sides = Halves(speakers.take(on_discovery), speakers.take(~on_discovery))
    idle = [LeftOut("finder", "discovery", why, names=(finder.name,)) for finder in finders
            if (why := finder.lacks(sides.discovery))]
    skipped = {name for item in idle for name in item.names}
    results = [search_and_test(finder, sides, settings) for finder in finders
               if finder.name not in skipped]
    rules = [(result.finder, result.rule) for result in results]
    findings = _findings(results, speakers, sides, subject, left_out=idle, settings=settings)
    return Discovery(findings, {finder.name: rule for finder, rule in rules},
                     member_table(speakers, rules), speaker_table(speakers, on_discovery))


def halves(n_speakers: int, seed: int) -> np.ndarray:
    """Which speakers are for discovery, (n_speakers,) of bool: a random half, whatever their
    errors."""
    order = np.random.default_rng(seed).permutation(n_speakers)
    return order < (n_speakers + 1) // 2


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
        overall=on_half(speakers.by_speaker, everybody, speakers, settings),
        level=settings.resampling.level, seed=settings.resampling.seed, finders=findings,
        left_out=merged(left_out), warnings=_warnings(speakers, sides.confirmation))


def _warnings(speakers: Speakers, confirmation: Speakers) -> list[str]:
    notes = []
    alone = speakers.ids[speakers.by_utterance.speaker] == speakers.utterance_ids
    if alone.any():
        notes.append(f"{int(alone.sum())} utterances have no speaker id and count as speakers of "
                     "their own: where they share speakers, p-values are too small")
    if speakers.misplaced:
        notes.append(f"{len(speakers.misplaced)} of {len(speakers.ids)} speakers have a latitude "
                     "or longitude that is off the globe or no number: it counts as unknown")
    if len(confirmation.ids) < FEW_SPEAKERS:
        notes.append(f"{len(confirmation.ids)} speakers to confirm on: fewer than "
                     f"{FEW_SPEAKERS}, only large gaps can be confirmed")
    return notes
