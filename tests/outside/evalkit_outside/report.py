"""A section of the page: how many texts every speaker said."""

from __future__ import annotations

from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Column, Row, Table, counted, texts


def build(run: ReportedRun) -> Content:
    said = run.utterances.groupby("speaker_id").size()
    columns = [Column("speaker", "Who spoke"), Column("n", "How often", "number")]
    table = Table("spoken", "Who spoke how often", columns, [
        Row(texts(speaker=str(speaker)) | {"n": counted(int(n))}) for speaker, n in said.items()])
    return Content(["Everybody was asked to speak."], [table], in_brief=[table],
                   findings={"speakers": len(said)})


SECTION = Section("who-spoke", "Who spoke how often?", build)
