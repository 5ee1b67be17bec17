"""Names of systems as tables have them, made such as a pipeline may have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalkit.core.text import short

LONGEST = 64
_OTHERS = re.compile(r"[^A-Za-z0-9._+-]+")


class Names:
    """Gives every system one name. ``openai/whisper-small`` becomes ``openai-whisper-small``."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, given: str) -> str:
        """The name of the system that is called ``given``; two systems never have one."""
        if given not in self._given:
            plain = _OTHERS.sub("-", given).strip("._+-")[:LONGEST].rstrip("._+-") or "system"
            name, n = plain, 1
            while name in self._given.values():
                n += 1
                name = f"{plain[:LONGEST - 5]}-{n}"
            self._given[given] = name
        return self._given[given]

    def notes(self) -> Iterator[str]:
        """A line for every name that was changed."""
        for given, name in self._given.items():
            if given != name:
                yield f"note: the system {short(given, 100)!r} is called {name}"
