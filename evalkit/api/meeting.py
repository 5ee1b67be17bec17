"""The verb for sessions of several speakers, which are no run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.api.folders import AnyPath
from evalkit.api.questions import crossed
from evalkit.api.tables import labels
from evalkit.core.errors import ConfigError
from evalkit.core.files import in_one_line

if TYPE_CHECKING:
    from evalkit.core.types import Absent
    from evalkit.store.documents.meetings import Meetings


@in_one_line
def meetings(reference: AnyPath, hypotheses: Mapping[str, AnyPath], *, by: Sequence[str] = (),
             join: Sequence[tuple[AnyPath, str | None]] = (), merge: Sequence[str] = (),
             canonical: Sequence[str] = (), normaliser: str = "basic", pause: float = 0.0,
             absent: Absent = "refuse", export: AnyPath | None = None, seed: int = 0,
             say: Callable[[str], None] = lambda line: None) -> Meetings:
    """Compares what systems heard in sessions of several speakers, ``hypotheses`` by their names,
    with the ``reference``: files of STM or SegLST. Word errors under the best permutation of
    speakers (cpWER) and the best combination of output streams (ORC-WER), how many turns there
    are, and how late each is seen to have ended (docs/meetings.md).

    ``by`` is a metadata column of the speakers, a key of SegLST or a column of a table of ``join``,
    or several that are crossed, joined by commas; "overlap" is one of sessions. ``pause`` is the
    longest one within a turn, in seconds; ``absent`` what becomes of a session that a system's file
    lacks: "refuse", "empty" (nothing was heard) or "leave_out". ``export`` is a folder that gets
    a manifest and hypotheses for ``score``, an utterance a speaker of a session. The rest is as for
    ``score_tables``. Raises ManifestError for a file that cannot be read, ConfigError for options
    that cannot be used."""
    if not hypotheses:
        raise ConfigError("name a file of what a system heard, beside the reference")
    chosen, columns = labels(join, merge, (), canonical), crossed(by) or [[]]
    from evalkit.metrics.meetings.counting import Rules, of_files
    from evalkit.metrics.meetings.exporting import export as write_export
    from evalkit.metrics.meetings.people import people
    from evalkit.metrics.meetings.reading import read_segments
    from evalkit.metrics.normalisers import normaliser as named

    rules = Rules(named(normaliser), pause, absent)
    said = read_segments(Path(reference))
    heard = {name: read_segments(Path(path)) for name, path in hypotheses.items()}
    counts, left_out = of_files(said, heard, rules, say)
    who, unknown = people(said, Path(reference), chosen, say)
    if export is not None:
        write_export(Path(export), said, heard, counts, who)
    from evalkit.statistics.bootstrap import Resampling
    from evalkit.statistics.meeting_report import meeting_report

    return meeting_report(
        Path(reference).name, counts, who, by=columns, normaliser=rules.normaliser.version,
        pause=pause, left_out=[*left_out, *unknown], resampling=Resampling(seed=seed))
