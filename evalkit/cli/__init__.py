"""The command line: parse, one library call, print."""

from __future__ import annotations

from evalkit.cli.stopping import hear


def main() -> None:
    """The installed program. It hears signals before the rest of evalkit is imported, which takes a
    moment, and until its process ends."""
    hear()
    from evalkit.cli.commands import main as run_command

    run_command()
