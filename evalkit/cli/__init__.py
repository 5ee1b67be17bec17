"""The command line: parse, one library call, print."""

from __future__ import annotations

import gc

from evalkit.cli.stopping import hear
from evalkit.core.collecting import uncollected


def main() -> None:
    """The installed program. It hears signals before the rest of evalkit is imported, which takes a
    moment, and until its process ends."""
    hear()
    with uncollected():
        from evalkit.cli.commands import main as run_command
        from evalkit.core.copies import is_a_command

    is_a_command()
    try:
        run_command()
    finally:
        gc.freeze()  # what is left at the end need not be looked through for circles
