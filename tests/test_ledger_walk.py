"""Every place that drops anything is in the ledger, or loses nothing.

The walk finds the idioms by which rows, columns and items are dropped. Each function that has one
is in LEDGER, with a test that proves the record, or in NOTHING_LOST, with the reason. A new one
fails here until it is in either."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "evalkit"
BANDS = ("cohorts", "compare", "corpora", "mitigation", "report", "run", "statistics", "store")
DROPPING = {"dropna", "drop_duplicates", "to_numeric", "isin", "head", "nlargest", "filter"}
MASKS = {"isna", "notna"}

LEDGER = {
    "cohorts.columns:_pooled": "cohorts/test_discovery.py",
    "cohorts.postcodes:_shares": "cohorts/test_geodemographic.py",
    "cohorts.postcodes:_homes": "cohorts/test_geodemographic.py",
    "cohorts.speakers:_numbers": "cohorts/test_speakers.py",
    "compare.baseline:_scores": "compare/test_comparison.py",
    "compare.baseline:_cell": "compare/test_comparison.py",
    "compare.baseline:_trials": "compare/test_trials_compare.py",
    "corpora.readers.common_voice:common_voice": "corpora/test_prepare.py",
    "corpora.readers.table:_utterances": "corpora/test_prepare.py",
    "mitigation.verification.data:embedded":
        "mitigation/verification/test_verification_experiment.py",
    "run.record:_failures_in": "report/test_report_verification.py",
    "run.verification:choose_pairs": "test_ledger.py",
    "statistics.groups:group_table": "statistics/test_groups.py",
    "statistics.systems:compare_systems": "statistics/test_matched_pairs.py",
    "statistics.systems:_common": "statistics/test_matched_pairs.py",
    "statistics.verification:verification_table": "statistics/test_verification.py",
    "store.manifest:read_manifest": "run/test_runner.py",
}
"""Functions whose losses are records, and the test that shows one."""

_CHOICE = "picks the rows of one name, and the others are picked by their own"
_FAILED = "rows without a value, which the run's failures count"
_SHOWN = "what a figure shows; the table beside it has all"
_BLANK = "blank lines and absent parts hold nothing"
NOTHING_LOST = {
    "cohorts.columns:searched_columns": "takes apart what is known and what is not; both are kept",
    "cohorts.confirm:confirm": "a cohort that cannot be tested is a verdict of its own",
    "cohorts.loading:_usable": _CHOICE,
    "cohorts.loading:_require_both_kinds": "only asks",
    "cohorts.loading:speaker_vectors": "a speaker without an embedding lacks it in every finder",
    "cohorts.loading:_streamed_means": _CHOICE,
    "cohorts.speakers:speakers_of": _CHOICE,
    "cohorts.tables:member_table": _CHOICE,
    "compare.baseline:_parts": _CHOICE,
    "compare.pairing:left_out": "makes the record",
    "corpora.readers.base:_cells": _BLANK,
    "corpora.readers.base:read_pairs": _BLANK,
    "corpora.validate:describe": _BLANK,
    "mitigation.recognition.cohorts:_rows": _CHOICE,
    "mitigation.recognition.evaluation:_statistics": _CHOICE,
    "mitigation.recognition.selection:frontier": _CHOICE,
    "mitigation.verification.data:_with_speakers": "raises",
    "mitigation.verification.experiment:_left_out": "makes the record",
    "report.cohort_figures:_limits": _SHOWN,
    "report.cohort_figures:_maps": _SHOWN,
    "report.cohort_figures:_projections": _SHOWN,
    "report.cohort_figures:_by_cohort": _SHOWN,
    "report.discovery:people_of": _SHOWN,
    "report.figures:values_by_group": _SHOWN,
    "report.figures:_whiskers": _SHOWN,
    "report.maps:coastlines": _SHOWN,
    "report.sections.examples:rank": _FAILED,
    "report.sections.examples:worst_rows": "examples, as many as the page says",
    "report.sections.examples:changed_rows": "examples, as many as the page says",
    "report.sections.examples:_examples": _CHOICE,
    "report.sections.versions:_rows": _FAILED,
    "report.verification:tradeoffs": _FAILED,
    "run.keys:measured_key": _BLANK,
    "run.occupied:_check_foreign": "only asks",
    "run.record:_packages": "a package that is not installed has no version",
    "run.vectors:of_one_length": "each is the failure of its utterance, which failures count",
    "statistics.adjusted:adjusted_gaps": _FAILED,
    "statistics.bins:binned": "unknown labels stay unknown",
    "statistics.bootstrap:jackknife": "a draw that changes nothing",
    "statistics.bootstrap:_resample": "a draw that changes nothing",
    "statistics.detection:sorted_trials": _FAILED,
    "statistics.groups:_outcomes": _FAILED,
    "statistics.run_statistics:headline_intervals": _FAILED,
    "statistics.run_statistics:_trial_intervals": "who has a name; the trials of all others stay",
    "statistics.run_statistics:_alignments": "an utterance without an alignment keeps its score",
    "statistics.run_statistics:_counts_errors_of": _FAILED,
    "statistics.sums:speaker_sums": _FAILED,
    "store.documents.begun:earlier": "only asks",
}
"""Functions that drop nothing that anybody would miss, and why."""


def dropping(function: ast.AST) -> bool:
    """Whether a function has an idiom that drops something."""
    return any(_drops(node) for node in ast.walk(function))


def _drops(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        inner = any(k.arg == "how" and getattr(k.value, "value", "") == "inner"
                    for k in node.keywords)
        return name in DROPPING or inner
    if isinstance(node, ast.ExceptHandler):
        return any(isinstance(part, ast.Continue | ast.Pass) for part in ast.walk(node))
    if isinstance(node, ast.If):
        return any(isinstance(part, ast.Continue) for part in node.body)
    return isinstance(node, ast.Subscript) and any(
        isinstance(part, ast.Attribute) and part.attr in MASKS for part in ast.walk(node.slice))


def functions() -> Iterator[str]:
    for path in (p for band in BANDS for p in sorted((SOURCE / band).rglob("*.py"))):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and dropping(node):
                yield f"{module}:{node.name}"


def test_every_place_that_drops_anything_is_known() -> None:
    found = set(functions())
    known = LEDGER.keys() | NOTHING_LOST.keys()
    assert not LEDGER.keys() & NOTHING_LOST.keys()
    assert not found - known, "make a LeftOut of what it drops, or say why nothing is lost"
    assert not known - found, "no longer drops anything: take it out of the table"


@pytest.mark.parametrize("file", sorted(set(LEDGER.values())))
def test_the_record_is_proved(file: str) -> None:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    assert "left_out" in text or "_failures(" in text


@pytest.mark.parametrize("line", [
    "rows.dropna()", "rows[rows['x'].notna()]", "a.merge(b, how='inner')",
    "for x in y:\n    if x:\n        continue", "try:\n    f()\nexcept KeyError:\n    pass"])
def test_the_walk_sees_the_idioms(line: str) -> None:
    assert dropping(ast.parse(line))
    assert not dropping(ast.parse("rows.assign(x=1)\nfor x in y:\n    f(x)"))
