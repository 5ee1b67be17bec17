"""One static page of a run, of sections, which other packages can add to.

The names below are imported when they are asked for: `import evalkit` imports this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.report.page import write_report
    from evalkit.report.reported import ReportedRun
    from evalkit.report.section import Content, Section
    from evalkit.report.table import Cell, Column, Row, Table, counted, measured, p_value, texts

__all__ = ["Cell", "Column", "Content", "ReportedRun", "Row", "Section", "Table", "counted",
           "measured", "p_value", "texts", "write_report"]
_MODULES = {"write_report": "page", "ReportedRun": "reported", "Content": "section",
            "Section": "section"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'table')}"), name)
