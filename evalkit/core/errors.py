"""Every exception that evalkit raises on purpose.

    EvalkitError            a mistake the user can mend: one line, exit code 2
    ├── ConfigError         an option or a configuration file
    │   └── ColumnError     a column to group by
    ├── ManifestError       a corpus manifest
    ├── PluginError         an unknown name, or a package that is not installed
    ├── RunError            a run folder
    ├── SystemLostError     a system that can do nothing more
    └── UtteranceError      one utterance cannot be read, processed or measured
"""

from __future__ import annotations

from evalkit.core.folders import without_folders

IDENTICAL = "Identical"
"""The kind of a failure that is no fault: the output is the reference, the value infinite."""


class EvalkitError(Exception):
    """A mistake the user can mend. The message names what is wrong and what to do."""


class ConfigError(EvalkitError):
    """An option or a configuration file that cannot be used."""


class ColumnError(ConfigError):
    """A ``column`` that cannot be grouped by, for who knows where it was asked for."""

    def __init__(self, message: str, column: str = "") -> None:
        super().__init__(message)
        self.column = column


class ManifestError(EvalkitError):
    """A corpus manifest, trial list or hypothesis file that cannot be used."""


class PluginError(EvalkitError):
    """A plug-in that is unknown, broken, or whose package is not installed."""


class RunError(EvalkitError):
    """A run folder that is missing, incomplete, or written by another version."""


class SystemLostError(EvalkitError):
    """A system can do nothing more, whatever the utterance: its program does not start any more,
    its service refuses the key. It ends the run, which goes on from there when started again."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the command to stop. No error, and no Exception."""


class UtteranceError(EvalkitError):
    """One utterance failed; the run goes on and records ``kind: reason`` in its rows.

    ``kind`` is a short CamelCase word that failures are counted by, such as
    ``TooShort`` or ``MissingAudio``; ``reason`` is for a person, in a table that
    others may read: of a path it keeps the name.
    """

    def __init__(self, kind: str, reason: str) -> None:
        reason = without_folders(one_line(reason))
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.kind, self.reason)


class FieldError(Exception):
    """What is wrong with one ``field`` of a line of a manifest."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def one_line(message: object, longest: int = 300) -> str:
    """``message`` as one line of at most ``longest`` printable characters."""
    text = " ".join(str(message)[:10 * longest].split())
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= longest else text[:longest - 1] + "…"
