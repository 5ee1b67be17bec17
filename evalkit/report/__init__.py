"""One static page of a run, of sections, which other packages can add to."""

from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, p_value, texts

__all__ = ["Cell", "Column", "Content", "ReportedRun", "Row", "Section", "Table", "counted",
           "measured", "p_value", "texts", "write_report"]
