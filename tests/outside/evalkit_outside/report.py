"""A section of the report by somebody else, whose text would break out of the page if it could."""

from __future__ import annotations

from markupsafe import Markup

from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Column, Row, Table, counted, texts

HOSTILE = "<script>alert('outside')</script>"


def build(run: ReportedRun) -> Content | None:
    """The outside metric by pipeline; nothing where the run does not have it."""
    scores = run.scores[run.scores["metric"] == "hypothesis_length"]
    if scores.empty:
        return None
    words = scores.groupby("pipeline")["amount"].sum()
    table = Table("outside-words", f"Words by pipeline {HOSTILE}", [
        Column("pipeline", "Pipeline"), Column("words", "Words", "number"),
        Column("note", HOSTILE)], [
        Row(texts(pipeline=name, note=HOSTILE) | {"words": counted(int(n))})
        for name, n in words.items()])
    return Content([f"Words that were recognised {HOSTILE}", Markup(HOSTILE)], [table], [table],
                   [Markup(f"<b>{words.sum():g}</b> words were recognised.")],
                   {"words": int(words.sum())})


WORDS = Section("outside-words", f"How much was heard? {HOSTILE}", build)
