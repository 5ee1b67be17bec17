"""What is known of the speakers of a reference: further keys of its rows, tables of speakers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.metrics.meetings.segments import Segments
from evalkit.results.labels import Labels
from evalkit.results.metadata import Metadata
from evalkit.store.meeting_counts import BETWEEN


def people(reference: Segments, path: Path, labels: Labels, say: Callable[[str], None]
           ) -> tuple[pd.DataFrame, list[LeftOut]]:
    """A row a speaker of a session: ``utterance_id``, the name of the two, ``speaker_id``, and
    metadata as columns; and what takes no part. What differs between the rows of one is no
    metadata. Raises ManifestError where two have one name, ConfigError as Labels.applied does."""
    metadata = Metadata(path.name, of="a speaker in a session")
    keys = dict.fromkeys((each.session, each.speaker) for each in reference.segments)
    names = [BETWEEN.join(key) for key in keys]
    if len(set(names)) < len(names):
        raise ManifestError(f"{path}: two speakers of sessions would have one name; use no "
                            f"{BETWEEN!r} in names of sessions and speakers")
    for each in reference.segments:
        metadata.add(each.session + BETWEEN + each.speaker, each.metadata)
    found = tuple(Utterance(name, speaker=key[1], metadata=row["metadata"]) for name, key, row in
                  zip(names, keys, metadata.by_utterance(names), strict=True))
    found, left_out = labels.applied(found, path.name, say)
    return pd.DataFrame([{**each.metadata, "utterance_id": each.id, "speaker_id": each.speaker}
                         for each in found]), [*metadata.left_out, *left_out]
