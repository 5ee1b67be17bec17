"""One static page of a run."""

from evalkit.report.page import write_report

__all__ = ["write_report"]
