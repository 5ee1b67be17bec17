"""A model card: Markdown with the block ``model-index`` that Hugging Face's hub reads
(Mitchell and others 2019, Model Cards for Model Reporting, doi:10.1145/3287560.3287596)."""

from __future__ import annotations

import math
from typing import Any

import yaml

from evalkit.core.text import count, in_markdown, printable
from evalkit.exports import tables
from evalkit.exports.cells import Cell, plain
from evalkit.exports.evidence import Evidence
from evalkit.exports.tables import TO_FILL_IN
from evalkit.store.trials import FACTS as TRIAL_FACTS

LEVEL = 0.95


def model_card(evidence: Evidence) -> str:
    """The card of one pipeline."""
    front = yaml.safe_dump(_metadata(evidence), sort_keys=False, allow_unicode=True, width=1000)
    return "\n\n".join([f"---\n{front}---", f"# {in_markdown(evidence.name)}", *_system(evidence),
                        *_results(evidence), *_measured(evidence)]) + "\n"


def _metadata(evidence: Evidence) -> dict[str, Any]:
    cells = [cell for cell in (*evidence.overall, *evidence.groups) if math.isfinite(cell.value)]
    alike: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        alike.setdefault((cell.slice, _task(cell, evidence)), []).append(cell)
    results = [_result(evidence, rows) for rows in alike.values()]
    return {"tags": ["evalkit", *dict.fromkeys(_task(cell, evidence) for cell in cells)],
            "metrics": list(dict.fromkeys(cell.metric for cell in cells)),
            "model-index": [{"name": printable(evidence.name), "results": results}]}


def _result(evidence: Evidence, cells: list[Cell]) -> dict[str, Any]:
    """One entry of ``results``: the scores of everybody or of one group under one condition."""
    first, corpus = cells[0], evidence.record.corpus
    name = printable(corpus.name)
    of_whom = {"args": {printable(first.by): printable(first.group)}} if first.by else {}
    return {
        "task": {"type": _task(first, evidence)},
        "dataset": {"type": name, "name": f"{name} ({printable(first.slice)})",
                    "config": printable(first.condition), "revision": corpus.digest, **of_whom},
        "metrics": [_metric(evidence, cell) for cell in cells],
        "source": {"name": f"evalkit {evidence.record.evalkit}"}}


def _metric(evidence: Evidence, cell: Cell) -> dict[str, Any]:
    """In the unit of the metric's name, per cent for rates; the interval and what stands behind it
    are ``args``, for which the block has no place of their own."""
    fact = evidence.facts[cell.metric]
    bounds = [float(plain(end, fact)) for end in (cell.low, cell.high) if math.isfinite(end)]
    args = {"unit": fact.unit} if fact.unit else {}
    interval = {"confidence_interval": bounds, "level": LEVEL} if len(bounds) == 2 else {}
    return {"type": cell.metric, "name": fact.named(cell.metric),
            "value": float(plain(cell.value, fact)),
            "args": {**args, **interval, cell.counted: cell.n, "failed": cell.n_failed,
                     "speakers": cell.n_speakers}}


def _task(cell: Cell, evidence: Evidence) -> str:
    """The task of a score, by the hub's names where it has one."""
    fact = evidence.facts[cell.metric]
    if cell.metric in TRIAL_FACTS:
        return "speaker-verification"
    heard = evidence.parts.recognizer is not None and (fact.scale > 1 or fact.streamed)
    return "automatic-speech-recognition" if heard else "audio-to-audio"


def _system(evidence: Evidence) -> list[str]:
    return ["Written by evalkit from the findings of one run. What evalkit cannot know is marked.",
            "## The system", tables.systems(evidence),
            "## Intended use, training data, licence and contact", TO_FILL_IN]


def _results(evidence: Evidence) -> list[str]:
    corpus = evidence.record.corpus
    people = count(corpus.speakers, "speaker") if corpus.speakers else "speakers who are not named"
    said = [f"Of {count(corpus.utterances, 'utterance')} of {people} from the corpus "
            f"{in_markdown(corpus.name)}, whose digest is `{corpus.digest}`.",
            tables.scores(evidence), "## By group", *tables.groups(evidence)]
    if not evidence.groups:
        said.append("The corpus declares no groups of speakers, or none that may be shown.")
    at_risk = tables.at_risk(evidence)
    return ["## Results", *said, "## Who is served worst", "\n".join(at_risk) or
            "No two groups could be compared.", *map(in_markdown, evidence.notes)]


def _measured(evidence: Evidence) -> list[str]:
    record = evidence.record
    normalisers = ", ".join(f"{each.name} {each.version}" for each in
                            (record.normaliser, *record.further_normalisers))
    return ["## What was left out", *filter(None, [in_markdown(evidence.withheld)]),
            tables.left_out(evidence), "## How it was measured",
            "Every value is a sum over utterances divided by a sum. Intervals are 95 % and over "
            "speakers, who are resampled; a group is compared with all others together by a "
            "permutation test over speakers. A group that is too small to be compared has no "
            "interval.",
            tables.definitions(evidence), tables.conditions(evidence),
            f"Text normaliser: {in_markdown(normalisers)}; alignment costs: "
            f"{in_markdown(record.alignment_costs)}; evalkit {in_markdown(record.evalkit)}, "
            f"{in_markdown(record.created)}, seed {record.seed}."]
