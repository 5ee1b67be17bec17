"""What the pipelines of a run take, as far as the run knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalkit.core.types import Cost
from evalkit.store.documents.frontier import AxisName, Taken
from evalkit.store.documents.run import Enhancing, Pipeline
from evalkit.store.events import EMISSIONS_TABLE
from evalkit.store.runfolder import RunFolder

UNTIMED = "no call of it was timed"
SHARED = ("other pipelines were loaded in the same process; run it alone, or state it in a table "
          "of costs")
NOT_STREAMED = "no word of it has a latency"
SILENT = "the run has neither its enhancer nor its recognizer; state it in a table of costs"


def costs_known(run: RunFolder, pipeline: str, condition: str | None = None) -> Taken:
    """What the run knows of a pipeline. Networks are those of the enhancer and the recognizer
    together; one of which something is not known leaves the whole unknown. The real-time factor
    is over all conditions, or of the one named. Peak memory is known where the run has one pipeline
    alone: with several, a worker has all of them loaded."""
    rows = run.summary().recognising
    costs = _costs(run.record().pipelines[pipeline])
    alone = len(run.record().pipelines) == 1
    return Taken(
        macs_per_second=_sum([each.macs_per_second for each in costs]),
        weights=_sum([each.weights for each in costs]), bytes=_sum([each.bytes for each in costs]),
        peak_bytes=max((row.peak_bytes for row in rows), default=None) if alone else None,
        real_time_factor=_factor(run, pipeline, condition),
        latency_ms=_latency(run, pipeline, condition))


def why_unknown(run: RunFolder, pipeline: str, axis: AxisName) -> str:
    """Why the run does not know a cost of a pipeline."""
    record = run.record()
    shared = SHARED if len(record.pipelines) > 1 else UNTIMED
    why = {"peak_bytes": shared, "real_time_factor": UNTIMED, "latency_ms": NOT_STREAMED}
    return why.get(axis) or next((each.unknown for each in _costs(record.pipelines[pipeline])
                                  if getattr(each, axis) is None), SILENT)


def _costs(parts: Pipeline) -> list[Cost]:
    return [system.cost or Cost(unknown=f"the run does not say what {system.name} takes")
            for system in (parts.enhancer, parts.recognizer) if system is not None]


def _sum(numbers: Sequence[float | None]) -> float | None:
    """Of all of them, where there are any and each is known."""
    known = [each for each in numbers if each is not None]
    return sum(known) if known and len(known) == len(numbers) else None


def _factor(run: RunFolder, pipeline: str, condition: str | None) -> float | None:
    """Seconds of processors a second of audio, of all parts."""
    parts, summary = run.record().pipelines[pipeline], run.summary()
    cell = pipeline, condition
    factors = [*([_one_factor(summary.enhancing, cell)] if parts.enhancer else []),
               *([_one_factor(summary.recognising, cell)] if parts.recognizer else [])]
    return _sum(factors)


def _one_factor(rows: Sequence[Enhancing], cell: tuple[str, str | None]) -> float | None:
    pipeline, condition = cell
    own = [row for row in rows if row.pipeline == pipeline and condition in (None, row.condition)]
    seconds, processor = (sum(getattr(row, key) for row in own)
                          for key in ("seconds", "processor_seconds"))
    return processor / seconds if seconds > 0 and 0 < processor < math.inf else None


def _latency(run: RunFolder, pipeline: str, condition: str | None) -> float | None:
    """The median milliseconds of audio from the end of a correct word until it was shown."""
    words = run.streamed(EMISSIONS_TABLE)
    words = words[words["pipeline"] == pipeline]
    words = words if condition is None else words[words["condition"] == condition]
    late = 1000 * (words["shown"] - words["end"]).to_numpy(float)
    return float(np.quantile(late, 0.5, method="inverted_cdf")) if len(late) else None
