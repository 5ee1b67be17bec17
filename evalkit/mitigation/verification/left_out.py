"""What of the manifests takes no part in a verification experiment, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from evalkit.core.ledger import LeftOut
from evalkit.core.text import count
from evalkit.mitigation.verification.arm_training import Setup
from evalkit.mitigation.verification.data import beyond_first
from evalkit.statistics.groups import FLOORS
from evalkit.statistics.verification import large_enough
from evalkit.store.documents.mitigation import SeedResult

NO_INPUT = "the model has no input of it"


def left_out(setup: Setup) -> Iterator[LeftOut]:
    """Utterances beyond those asked for and those without an input of the model, speakers with
    too few to train on, and those without one label of a group."""
    config, data = setup.config, setup.data
    for manifest in filter(None, (config.train, config.dev, config.test)):
        beyond = config.utterances and beyond_first(manifest, config.utterances,
                                                    outside=config.outside)
        if beyond:
            yield beyond
    for name in sorted(data.table["utterance_id"][data.failed]):
        yield LeftOut("utterance", "training and trials",
                      f"{NO_INPUT}: {data.errors.get(name, 'it is not finite')}", names=(name,))
    yield from _untrained(setup)
    for column in config.groups:
        for speaker in sorted(set(data.speakers) - data.groups(column).keys()):
            yield LeftOut("speaker", f"groups by {column}", "no label", names=(speaker,))
        for speaker in data.several(column):
            yield LeftOut("label", f"groups by {column}", "a speaker's, after the first",
                          names=(speaker,))


def _untrained(setup: Setup) -> Iterator[LeftOut]:
    """Speakers of train of whom a batch takes more utterances than there are."""
    least = setup.config.learning.utterances
    few = {speaker for split in setup.splits for speaker, n in Counter(
        setup.data.speakers[setup.usable(split.train)]).items() if n < least}
    for speaker in sorted(few):
        yield LeftOut("speaker", "training", f"fewer than {count(least, 'utterance')}, as many "
                      "as a batch takes of a speaker", names=(speaker,))


def small_groups(start: SeedResult) -> Iterator[LeftOut]:
    """Groups of test speakers whose rates say little or nothing, by those of the ``start``."""
    for column, groups in start.groups.items():
        for group, rates in groups.items():
            if not (rates.n_targets and rates.n_nontargets):
                yield LeftOut("group", f"groups by {column}", "no trials of the same speaker, or "
                              "none of others: no error rate, and in no gap", names=(group,))
            elif not large_enough(rates.n_speakers, rates.n_targets):
                yield LeftOut("group", f"intervals by {column}", f"{FLOORS}: a rate without an "
                              "interval", names=(group,))
