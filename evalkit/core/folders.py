"""Texts without the folders of this machine: on a page or in a document that others will read, and
in a terminal."""

from __future__ import annotations

import os
import re
from pathlib import Path

_COPIES: dict[str, str] = {}
"""Folders of this machine that are copies, and the names of what they are copies of."""
_FOLDERS = re.compile(r"(?<![\w.~…/+-])(?:[A-Za-z]:)?/(?:[^\s/'\"`(),;<>|]+/)+(?=\w)")
"""Those of an absolute path."""


def without_folders(text: str) -> str:
    """``text`` with …/NAME for every absolute path: "…/a.wav: cannot be read". The home folder is
    left out by its name first, since that may hold spaces."""
    if "/" not in text:
        return text
    home = _home()
    return _FOLDERS.sub("…/", text.replace(f"{home}/", "/home/user/") if home else text)


def from_here(text: str) -> str:
    """``text`` without the working folder in front of what is in it."""
    try:
        here = f"{Path.cwd()}/"
    except OSError:  # it was removed
        return text
    if here not in text or here == "//":
        return text
    return re.sub(rf"(?<![\w.~…/+-]){re.escape(here)}(?=[^\s/])", "", text)


def is_copy(folder: Path, name: str) -> None:
    """Makes known that ``folder`` is a copy, of what goes by ``name``."""
    for path in (folder, folder.absolute(), folder.resolve()):
        _COPIES[str(path)] = name


def by_name(text: str) -> str:
    """``text`` with the names of what was copied in place of the folders of the copies."""
    for folder in sorted(_COPIES, key=len, reverse=True):
        text = text.replace(folder, _COPIES[folder])
    return text


def _home() -> str:
    """Empty where it is no folder of one person's."""
    home = os.path.expanduser("~")  # noqa: PTH111 -- pathlib is imported late
    return home if home.count("/") > 1 or home == "/root" else ""
