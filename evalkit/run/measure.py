"""The last stage: scores of one utterance, from what the stages before it made."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from evalkit.core.errors import UtteranceError
from evalkit.core.protocols import Metric
from evalkit.core.types import Audio, Hypothesis, Measurement, Output, Utterance
from evalkit.run.batches import attempt
from evalkit.run.endpointed import with_endpoints
from evalkit.run.exchange import handed, handed_utterance, taken_measurements
from evalkit.run.guard import guarded
from evalkit.run.stages import UtteranceWork
from evalkit.run.word_times import as_heard
from evalkit.store.outputs import Row

PARTS = ("audio", "hypothesis", "reference_audio")
"""What of an output a metric may need."""


def measure(metric: Metric, work: UtteranceWork) -> list[Row]:
    """One row a measured name, or the error under every name; a name without a measurement, unless
    that is only ``sometimes`` made, has failed. The metric is shown what it needs and nothing
    else."""
    values = {"audio": work.audio, "hypothesis": _hypothesis(metric, work),
              "reference_audio": work.reference_audio}
    needed: dict[str, Any] = {name: values[name] for name in PARTS if name in metric.needs
                              or (name == "hypothesis" and "endpoints" in metric.needs)}
    errors = (value for value in (work.input, *needed.values())
              if isinstance(value, UtteranceError))
    utterance = _spoken(metric, work)
    outcome: Any = next(errors, None)
    if outcome is None:
        outcome = attempt(guarded, _measured, metric, utterance, needed)
    if isinstance(outcome, UtteranceError):
        return failed_scores(metric, utterance, str(outcome))
    return [{"utterance_id": utterance.id, "metric": name, "amount": m.amount, "weight": m.weight,
             "error": None} for name, m in outcome.items()] + _not_measured(metric, utterance,
                                                                            outcome)


def _hypothesis(metric: Metric, work: UtteranceWork) -> Hypothesis | UtteranceError | None:
    """What was heard, for a metric of events or end-points with those of an end-pointer."""
    if work.endpoints is None or not metric.needs & {"events", "endpoints"}:
        return work.hypothesis
    return attempt(with_endpoints, work.hypothesis, work.endpoints)


def _spoken(metric: Metric, work: UtteranceWork) -> Utterance:
    """What the metric may know of the utterance; where it needs end-points, how long it was as it
    was heard."""
    heard = work.rows.get("heard") or {}
    utterance = (as_heard(work.utterance, work.rows.get("heard")) if "text" in metric.needs else
                 replace(work.utterance, text=None, words=()))
    if "endpoints" in metric.needs and heard.get("seconds") is not None:
        utterance = replace(utterance, duration=heard["seconds"])
    return utterance


def _not_measured(metric: Metric, utterance: Utterance, measured: Container[str]) -> list[Row]:
    return [_failed(utterance, name, f"NotMeasured: {metric.name} gave no measurement of {name!r}")
            for name, fact in metric.facts.items()
            if name not in measured and not fact.derived and not fact.sometimes]


def _measured(metric: Metric, utterance: Utterance, parts: Mapping[str, Any]
              ) -> dict[str, Measurement]:
    given: dict[str, Any] = {name: handed(part) if isinstance(part, Audio) else part
                             for name, part in parts.items()}
    return taken_measurements(metric.measure(handed_utterance(utterance), Output(**given)), metric)


def failed_scores(metric: Metric, utterance: Utterance, error: str) -> list[Row]:
    """The error under every name that the metric always measures."""
    return [_failed(utterance, name, error) for name, fact in metric.facts.items()
            if not fact.derived and not fact.sometimes]


def _failed(utterance: Utterance, name: str, error: str) -> Row:
    return {"utterance_id": utterance.id, "metric": name, "amount": None, "weight": None,
            "error": error}
