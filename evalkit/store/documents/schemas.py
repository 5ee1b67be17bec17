"""The documents by name, and the JSON Schema of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.store.documents.base import Document
from evalkit.store.documents.baseline import Baseline
from evalkit.store.documents.begun import BEGUN, Begun
from evalkit.store.documents.comparison import Comparison
from evalkit.store.documents.corpora import CORPORA, Corpora
from evalkit.store.documents.findings import Findings
from evalkit.store.documents.finished import FINISHED, Finished
from evalkit.store.documents.frontier import Frontier
from evalkit.store.documents.meetings import Meetings
from evalkit.store.documents.mitigation import MitigationResults
from evalkit.store.documents.portion import PORTION, PortionRecord
from evalkit.store.documents.releases import Releases
from evalkit.store.documents.report import ReportFindings
from evalkit.store.documents.run import RunRecord, Summary

DOCUMENTS: Mapping[str, tuple[type[Document], str]] = {
    "run": (RunRecord, "run.json of a run folder: everything that decided its numbers"),
    "summary": (Summary, "summary.json of a run folder: its headline values"),
    "findings": (Findings, "findings.json of a run folder: the cohorts that were found"),
    "mitigation": (MitigationResults, "results.json of an experiment of `evalkit mitigate`"),
    "comparison": (Comparison, "the file of `evalkit compare --json`"),
    "releases": (Releases, "the file of `evalkit history --baseline --json`"),
    "frontier": (Frontier, "what `evalkit frontier --json` prints"),
    "meetings": (Meetings, "what `evalkit meetings --json` prints"),
    "baseline": (Baseline, "the file of `evalkit baseline freeze`, gzipped where it ends in .gz"),
    "report": (ReportFindings, "findings.json beside a page: what it says"),
    "corpora": (Corpora, f"{CORPORA}: which run folders of corpora lie beside it"),
    "begun": (Begun, f"{BEGUN}: of what the run in a folder is, from its beginning on"),
    "finished": (Finished, f"{FINISHED}: what a finished run of texts was asked for, and left"),
    "portion": (PortionRecord, f"{PORTION}: which shard of a run its folder holds")}
"""By name what reads and writes it, and which file it is."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one of DOCUMENTS. Raises ConfigError for a name that there is not."""
    if name not in DOCUMENTS:
        raise ConfigError(f"schema {name}: {offer(name, DOCUMENTS)}")
    document, file = DOCUMENTS[name]
    return document.json_schema() | {"title": f"{name}: {file}"}
