"""The command ``doctor``: what can run here."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.core.errors import EvalkitError
from evalkit.core.plugins import GROUPS, available, load
from evalkit.core.requirements import check_installed


def doctor(
        imported: Annotated[bool, typer.Option(
            "--import", help="Import every plug-in too, which takes longer.")] = False) -> None:
    """Show which plug-ins are installed and whether what each imports is installed too.

    Examples:

        evalkit doctor

        evalkit doctor --import
    """
    for group in GROUPS:
        for name in available(group):
            print(f"{group:21} {name:20} {_state(group, name, imported)}")


def _state(group: str, name: str, imported: bool) -> str:
    try:
        check_installed(group, name)
        if imported:
            load(group, name)
    except EvalkitError as error:
        return str(error)
    return "ok"
