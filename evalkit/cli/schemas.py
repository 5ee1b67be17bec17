"""Commands about what evalkit writes: ``schema``."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def schema(name: Annotated[str | None, typer.Argument(
        help="Of a document. Default: lists them.")] = None) -> None:
    """Print the JSON Schema of a document that evalkit writes, for programs that read it.

    Example:

        evalkit schema summary
    """
    from evalkit.store.documents.schemas import DOCUMENTS, json_schema

    if name is None:
        for each, (document, file) in DOCUMENTS.items():
            print(f"{each} (schema {document.schema_number}): {file}")
        return
    print(json.dumps(json_schema(name), indent=2, ensure_ascii=False))
