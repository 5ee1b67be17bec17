"""Hostile strings in every field of a corpus, its hypotheses and its ledger, through every output:
page, CSV, Markdown, JUnit XML, GitHub's commands and the terminal. Right is: none is active."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from itertools import islice, product
from pathlib import Path
from xml.etree import ElementTree

from markdown_it import MarkdownIt

from benchmarks.hostile.trials import Tried
from evalkit import api
from evalkit.compare import formats
from evalkit.terminal import print_comparison, print_groups, print_summary

PAYLOADS = (
    "=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1",
    "\n=HYPERLINK(\"//e.org\")",
    "\uff1d1+1", "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>", "<svg/onload=alert(1)>", "<iframe src=//e.org></iframe>",
    "javascript:alert(1)", "' onmouseover='alert(1)", "url(javascript:alert(1))",
    "</title><b>", "<!--", "]]><x/>", "&lt;script&gt;", "<!DOCTYPE x [<!ENTITY e 'v'>]>&e;",
    "[x](javascript:alert(1))", "![i](//e.org/i)", "<https://e.org>", "| a | b |", "`code`",
    "# heading", "@everyone", "---\nx: y", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m",
    "a\rb", "a\bb", "\u202egnirts\u202c", "\u2066a\u2069", "a\u200bb", "\ufeffa", "a\u2028b",
    "\U000e0041\U000e0042", "a\x00b", "../../etc/passwd", "/etc/passwd", "C:\\x\\..\\y",
    "x" * 5000, "{{ 7*7 }}", "{% for x in y %}", "${7*7}", "#{7*7}", "!!python/object:os.system",
    "*anchor", "{\"a\": [1", "::error::x", "  ::stop-commands::x", "##[error]x",
    "::set-output name=a::b", "::add-mask::x\n::warning::y", "%0A::error::z")
AROUND = ("{}", "a{}", "{}z", "a {} z", " {}", "\"{}\"", "{}\n{}")
KEYS = 12
"""Metadata keys of a run, each a hostile string too."""
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f"
                    "\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
NUMBER = re.compile(r"[+-]?[\d.,]+(e[+-]?\d+)?")
ACTIVE = {"script", "iframe", "object", "embed", "form", "link", "base", "img", "a", "svg", "b"}


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """``scale`` of 400 strings, 40 a run."""
    made = [around.replace("{}", payload) for around, payload in product(AROUND, PAYLOADS)]
    random.Random(seed).shuffle(made)
    strings = list(islice(made, max(20, round(400 * scale))))
    bad = []
    for i in range(0, len(strings), 40):
        bad += [f"strings {i} to {i + 39}: {line}"
                for line in _active(strings[i:i + 40], folder / str(i))]
    return [Tried("hostile strings through every output", len(strings), tuple(bad))]


def _active(strings: Sequence[str], folder: Path) -> Iterator[str]:
    """What became active of ``strings``, which go into every field of a run and its report."""
    folder.mkdir(parents=True)
    run = _run(strings, folder)
    key = next(name for name in run.utterances().columns if name.startswith("label"))
    brief = folder / "brief.md"
    page = api.report(run.path, folder / "report", by=key, markdown=brief)
    comparison = api.compare(run.path, run.path, by=[key])
    yield from _on_page(page.read_text(encoding="utf-8"))
    for path in sorted((folder / "report" / "tables").glob("*.csv")):
        yield from _in_csv(path)
    for name, text in (("summary", brief.read_text("utf-8")),
                       ("comparison", formats.markdown(comparison))):
        yield from _in_markdown(name, text)
    ElementTree.fromstring(formats.junit(comparison).encode())  # raises where it is no XML
    commands = list(formats.github(comparison))
    yield from (f"GitHub: {line!r}" for line in commands
                if not re.match(r"::(error|warning|notice) title=", line) or HIDDEN.search(line)
                or "\n" in line)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        print_summary(run.summary(), run.record().metrics)
        print_groups(api.groups(run.path, [key]), run.record().metrics["wer"])
        print_comparison(comparison)
    yield from (f"terminal: {line[:80]!r}" for line in shown.getvalue().split("\n")
                if HIDDEN.search(line) or line.lstrip().startswith("::") or "##[" in line)


def _run(strings: Sequence[str], folder: Path) -> api.RunFolder:
    """Scored hypotheses: every string is an id, a speaker, a text, a label and a hypothesis, some
    are keys; every third has none, and every fourth hypothesis no utterance."""
    with (folder / "m.jsonl").open("w") as manifest, (folder / "h.jsonl").open("w") as given:
        for i, text in enumerate(strings):
            keys = {f"{key} {n}": text for n, key in enumerate(strings[:KEYS])}
            row = {"id": f"{text}{i}", "speaker": text, "text": f"{text} on", "label": text}
            manifest.write(json.dumps(keys | row) + "\n")
            if i % 3:
                given.write(json.dumps({"id": row["id"], "hypothesis": f"{text} off"}) + "\n")
            if not i % 4:
                given.write(json.dumps({"id": f"{text} stranger {i}", "hypothesis": text}) + "\n")
    return api.score(folder / "m.jsonl", {"given": folder / "h.jsonl"}, folder / "run")


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def _on_page(source: str) -> Iterator[str]:
    tags = _Tags(source).tags
    if [tag for tag, _ in tags].count("script") != 1:
        yield "page: another script"
    for tag, attributes in tags:
        if tag in {"iframe", "object", "embed", "form", "link", "base"}:
            yield f"page: <{tag}>"
        for name, value in attributes.items():
            where = value.startswith(("#", "tables/", "audio/", "data:image/png"))
            if name.startswith("on") or (name in {"href", "src", "xlink:href"} and not where):
                yield f"page: <{tag} {name}={value[:60]!r}>"
    # Legends begin with a space of no width, since matplotlib skips what begins with "_".
    if found := HIDDEN.search(source.replace(">\u200b", ">")):
        yield f"page: a hidden character, {found}"


def _in_csv(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            for cell in row:
                formula = cell.lstrip()[:1] in set("=+-@\uff1d\uff0b\uff0d\uff20") - {""}
                if (cell.lstrip() and formula and not NUMBER.fullmatch(cell)) or (
                        HIDDEN.search(cell)):
                    yield f"{path.name}: {cell[:60]!r}"


def _in_markdown(name: str, text: str) -> Iterator[str]:
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for tag, attributes in _Tags(html).tags:
        if tag in ACTIVE or attributes.keys() - {"style"}:
            yield f"Markdown of the {name}: <{tag} {attributes}>"
    mentions = re.findall(r"@\w", text)
    if mentions or HIDDEN.search(text.replace("@\u200b", "")):
        yield f"Markdown of the {name}: {mentions or 'a hidden character'}"
