"""``findings.json`` of a report: what its page says, for programs."""

from __future__ import annotations

from typing import ClassVar

from pydantic import JsonValue

from evalkit.store.documents.base import Document


class ReportFindings(Document):
    """Which run; the sentences of the summary; and by the id of a section what it found, such as
    the group reports of ``evalkit groups --json`` and the cohorts of ``evalkit cohorts``."""

    schema_number: ClassVar[int] = 2
    made_by: ClassVar[str] = "evalkit report"
    indent: ClassVar[int | None] = None

    corpus: str
    created: str
    evalkit: str
    seed: int
    summary: list[str]
    sections: dict[str, dict[str, JsonValue]]
