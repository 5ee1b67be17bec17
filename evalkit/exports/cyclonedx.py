"""A bill of materials of a speech system in CycloneDX 1.6 (ECMA-424), the machine-learning profile:
a model card with performance metrics of everybody and of groups."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from evalkit.core.ledger import lines
from evalkit.core.text import heading, printable
from evalkit.exports.cells import Cell, plain
from evalkit.exports.evidence import Evidence
from evalkit.exports.sentences import cohorts, of_gap, worst_groups
from evalkit.exports.tables import parts
from evalkit.store.documents.run import System

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
CORPUS = "evaluation-corpus"
"""The reference of the corpus within a document."""
TO_FILL_IN = "to be filled in by a person"


def bill_of_materials(evidence: Evidence) -> str:
    """The document, JSON. The same run gives the same bytes, its serial number too."""
    body = {"metadata": _metadata(evidence), "components": [_model(evidence), _corpus(evidence)]}
    serial = uuid5(NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return json.dumps({"$schema": SCHEMA, "bomFormat": "CycloneDX", "specVersion": "1.6",
                       "serialNumber": f"urn:uuid:{serial}", "version": 1, **body},
                      indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _metadata(evidence: Evidence) -> dict[str, Any]:
    tool = {"type": "application", "name": "evalkit", "version": evidence.record.evalkit}
    return {"timestamp": evidence.record.created, "tools": {"components": [tool]}}


def _model(evidence: Evidence) -> dict[str, Any]:
    inside = [_part(name, system) for name, system in parts(evidence)]
    return {"type": "machine-learning-model", "bom-ref": "system",
            "name": printable(evidence.name), "modelCard": _card(evidence),
            **({"components": inside} if inside else {})}


def _part(name: str, system: System) -> dict[str, Any]:
    return {"type": "machine-learning-model", "bom-ref": name, "name": printable(system.name),
            "properties": [_property("part", name), _property("identity", system.identity)]}


def _corpus(evidence: Evidence) -> dict[str, Any]:
    corpus = evidence.record.corpus
    counts = {"digest": corpus.digest, "utterances": corpus.utterances, "speakers": corpus.speakers}
    return {"type": "data", "bom-ref": CORPUS, "name": printable(corpus.name),
            "data": [{"type": "dataset", "name": printable(corpus.name), "contents": {
                "properties": [_property(name, str(value)) for name, value in counts.items()]}}]}


def _card(evidence: Evidence) -> dict[str, Any]:
    measured = [cell for cell in (*evidence.overall, *evidence.groups) if math.isfinite(cell.value)]
    return {"modelParameters": {"datasets": [{"ref": CORPUS}]},
            "quantitativeAnalysis": {"performanceMetrics": [
                _metric(cell, evidence) for cell in measured]},
            "considerations": _considerations(evidence),
            "properties": [_property("normaliser", f"{each.name} {each.version}") for each in (
                evidence.record.normaliser, *evidence.record.further_normalisers)]}


def _metric(cell: Cell, evidence: Evidence) -> dict[str, Any]:
    """In the unit of its type: "wer %"."""
    fact = evidence.facts[cell.metric]
    low, high = plain(cell.low, fact), plain(cell.high, fact)
    interval = {"confidenceInterval": {"lowerBound": low, "upperBound": high}}
    return {"type": heading(cell.metric, fact), "value": plain(cell.value, fact),
            "slice": printable(cell.slice), **(interval if low and high else {})}


def _considerations(evidence: Evidence) -> dict[str, Any]:
    limits = [*filter(None, [evidence.withheld]), *evidence.notes, *lines(evidence.left_out)]
    said = [(f"{cell.slice}", of_gap(cell, evidence.facts[cell.metric]))
            for cell in worst_groups(evidence)]
    return {"technicalLimitations": list(map(printable, limits)),
            "fairnessAssessments": [
                {"groupAtRisk": printable(who), "harms": printable(what),
                 "mitigationStrategy": TO_FILL_IN} for who, what in [*said, *cohorts(evidence)]]}


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"evalkit:{name}", "value": printable(value)}
