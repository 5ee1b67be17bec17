"""However a plug-in's code ends, it is told in one line: of an utterance, or of the plug-in itself
where it cannot be made."""

from __future__ import annotations

import re
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalkit.core.deadlines import OverdueError, in_time
from evalkit.core.errors import EvalkitError, PluginError, Stopped, UtteranceError, one_line
from evalkit.core.plugins import missing_package

WRITTEN_INTO = ("read-only", "WRITEABLE")
"""What NumPy and Cython say of writing into an array that must not be changed."""
CALLING = ("evalkit.core.", "evalkit.run.", "importlib", "pydantic", "contextlib")
"""Modules by which plug-ins are called; what stands in them says nothing of an error's place."""


@contextmanager
def making(who: str) -> Iterator[None]:
    """The block makes a plug-in that is called ``who``, or asks what it says of itself. Whatever
    ends it otherwise becomes PluginError, SystemExit too: a program must not end as if all were
    well. Errors that evalkit raises on purpose pass. While work is planned its time is limited."""
    try:
        with in_time():
            yield
    except EvalkitError:
        raise
    except ModuleNotFoundError as error:
        raise missing_package(error, who) from error
    except OverdueError as error:
        raise PluginError(f"{who} cannot be used: {error}; see whether it waits for something, "
                          "such as a network, or give it longer with time_limit") from error
    except BaseException as error:
        if is_interruption(error):
            raise
        raise PluginError(f"{who} cannot be used: {failure_of(error)}") from error


def is_interruption(error: BaseException) -> bool:
    """Whether it is Ctrl-C, or whatever else stops evalkit. Where that is not told of by
    KeyboardInterrupt, a plug-in raised it."""
    return isinstance(error, Stopped) or (
        isinstance(error, KeyboardInterrupt)
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler)


def failure_of(error: BaseException) -> UtteranceError:
    """What is recorded of an utterance that ended in ``error``: its kind, message and, where it is
    a surprise, the plug-in's line that raised it."""
    if type(error) is UtteranceError:
        return UtteranceError(_name(error.kind), error.reason)
    message = one_line(_message(error))
    if any(word in message for word in WRITTEN_INTO):
        message += "; what evalkit hands out must not be changed: copy it first"
    return UtteranceError(_name(type(error).__name__), one_line(message, 240) + _place(error))


def _name(kind: object) -> str:
    return re.sub(r"\W", "", kind)[:60] or "Error" if isinstance(kind, str) else "Error"


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it ended the program with {_shown(error.code)}; it should raise an error instead"
    if isinstance(error, MemoryError):
        return "there was not enough memory"
    return _shown(error) or "no reason given"


def _shown(value: object) -> str:
    """``value`` as text, whatever its class makes of that."""
    try:
        return str(value)
    except BaseException as error:
        return f"its message cannot be shown, which raises {_name(type(error).__name__)}"


def _place(error: BaseException) -> str:
    """The plug-in's own line, such as " (plugin.py, line 12)"."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not str(frame.f_globals.get("__name__")).startswith(CALLING):
            return f" ({Path(frame.f_code.co_filename).name}, line {line})"
    return ""
