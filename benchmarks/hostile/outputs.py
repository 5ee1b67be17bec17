"""What is active in an output: a page, a table, Markdown, a terminal."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from markdown_it import MarkdownIt

HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f"
                    "\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
FORMULA = re.compile("(^|[;\t\n])\\s*[=+@\uff1d\uff0b\uff0d\uff20-]")
NUMBER = re.compile(r"[+-]?[\d.,]+(e[+-]?\d+)?")
ACTIVE = {"script", "iframe", "object", "embed", "form", "link", "base", "img", "a", "svg", "b"}


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def in_html(name: str, source: str, scripts: int = 0) -> Iterator[str]:
    """Elements and attributes that do or load anything, and characters that are not shown."""
    tags = _Tags(source).tags
    if len([1 for tag, attributes in tags
            if tag == "script" and attributes.get("type") != "application/json"]) != scripts:
        yield f"{name}: another script"
    for tag, attributes in tags:
        if tag in {"iframe", "object", "embed", "form", "link", "base"}:
            yield f"{name}: <{tag}>"
        for key, value in attributes.items():
            where = value.startswith(("#", "tables/", "audio/", "data:image/png"))
            if key.startswith("on") or (key in {"href", "src", "xlink:href"} and not where):
                yield f"{name}: <{tag} {key}={value[:60]!r}>"
    # Legends begin with a space of no width, since matplotlib skips what begins with "_".
    if found := HIDDEN.search(source.replace(">\u200b", ">")):
        yield f"{name}: a hidden character, {found}"


def in_csv(path: Path) -> Iterator[str]:
    """Cells that a spreadsheet takes for formulas, and characters that are not shown."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            for cell in row:
                if (FORMULA.search(cell) and not NUMBER.fullmatch(cell)) or HIDDEN.search(cell):
                    yield f"{path.name}: {cell[:60]!r}"


def in_markdown(name: str, text: str) -> Iterator[str]:
    """Elements that do or load anything, mentions, and characters that are not shown."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for tag, attributes in _Tags(html).tags:
        if tag in ACTIVE or attributes.keys() - {"style"}:
            yield f"Markdown of the {name}: <{tag} {attributes}>"
    mentions = re.findall(r"@\w", text)
    if mentions or HIDDEN.search(text.replace("@\u200b", "")):
        yield f"Markdown of the {name}: {mentions or 'a hidden character'}"


def in_terminal(text: str) -> Iterator[str]:
    """Characters that are not shown, and GitHub's commands."""
    return (f"terminal: {line[:80]!r}" for line in text.split("\n")
            if HIDDEN.search(line) or line.lstrip().startswith("::") or "##[" in line)
