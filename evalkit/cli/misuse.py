"""Words that make no command, and what is wrong with them in one line."""

from __future__ import annotations

from typing import Any

import typer

MISUSE: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser raises of words that make no command."""


def said(error: Any) -> str:
    """Which command, what is wrong, and where to read on; for no command at all, which there are.
    """
    message = error.format_message()
    if message.startswith("Usage:"):
        return str(message)
    if error.__cause__ is not None:
        message = message.removesuffix(error.message) + _plain(error)
    command = error.ctx.command_path if error.ctx else "evalkit"
    message = message.rstrip(".").replace("(Possible options: ", "(did you mean ")
    return f"{command}: {message} (`{command} --help` says more)"


def _plain(error: Any) -> str:
    """What is wrong with the value of an option."""
    from pydantic import ValidationError

    from evalkit.core.mistakes import explained

    cause = error.__cause__
    return (explained(cause, None, None) if isinstance(cause, ValidationError) else
            str(error.message))
