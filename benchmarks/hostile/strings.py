"""Hostile strings in every field of a corpus, its hypotheses and its ledger, and as names of
pipelines and conditions, through every output: page, CSV, Markdown, JUnit XML, GitHub's commands,
the terminal, the history and MLflow. Right is: none is active."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.hostile import names
from benchmarks.hostile.outputs import HIDDEN, in_csv, in_html, in_markdown, in_terminal
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
    page = api.report(run.path, folder / "report", by=key, markdown=brief, allow_outcomes=[key])
    comparison = api.compare(run.path, run.path, by=[key], allow_outcomes=[key])
    yield from in_html("page", page.read_text(encoding="utf-8"), scripts=1)
    for path in sorted((folder / "report" / "tables").glob("*.csv")):
        yield from in_csv(path)
    for name, text in (("summary", brief.read_text("utf-8")),
                       ("comparison", formats.markdown(comparison))):
        yield from in_markdown(name, text)
    ElementTree.fromstring(formats.junit(comparison).encode())  # raises where it is no XML
    commands = list(formats.github(comparison))
    yield from (f"GitHub: {line!r}" for line in commands
                if not re.match(r"::(error|warning|notice) title=", line) or HIDDEN.search(line)
                or "\n" in line)
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        print_summary(run.summary(), run.record().metrics)
        print_groups(api.groups(run.path, [key], allow_outcomes=[key]),
                     run.record().metrics["wer"])
        print_comparison(comparison)
    yield from in_terminal(shown.getvalue())
    yield from names.refused(strings, run, folder)
    yield from names.in_a_baseline(strings, run, folder)


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
