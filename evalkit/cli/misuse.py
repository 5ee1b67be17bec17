"""Words that make no command, and what is wrong with them in one line."""

from __future__ import annotations

import re
from typing import Any

import typer

MISUSE: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser raises of words that make no command."""
_OTHERS = r"[^\"\n\ud800-\udc7f\udd00-\udfff]*"
_MISNAMED = re.compile(f"{_OTHERS}[\udc80-\udcff]{_OTHERS}")
"""A name with a byte that is no UTF-8, which Python holds as half a character, up to quotes."""


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


def misnamed(text: str) -> str | None:
    """What is wrong with the first name in ``text`` that holds bytes which are no UTF-8, and what
    to do; None where there is none."""
    found = _MISNAMED.search(text)
    if found is None:
        return None
    name = found[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"{name}: is no name in UTF-8, as evalkit's files need it; rename the file or folder"


def _plain(error: Any) -> str:
    """What is wrong with the value of an option."""
    from pydantic import ValidationError

    from evalkit.core.mistakes import explained

    cause = error.__cause__
    return (explained(cause, None, None) if isinstance(cause, ValidationError) else
            str(error.message))
