"""What a file or folder looks like that was given for a manifest and is none, and what makes a
manifest of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.store.json_lines import json_object

MOST = 65_536
"""Bytes that are looked at."""
_COMMON_VOICE = ("test.tsv", "validated.tsv")
_FSDD = re.compile(r"\d_[A-Za-z]+_\d+\.wav")
_KALDI = ("wav.scp", "utt2spk", "segments", "text")


@dataclass(frozen=True)
class Layout:
    """A corpus as it was published: ``what`` it looks like, which ``reader`` reads it, and from
    which ``source``."""

    what: str
    reader: str
    source: Path


def layout_of(path: Path) -> Layout | None:
    """The layout of a folder, or of a file of Kaldi's or Common Voice's; None where it is not
    known."""
    if path.is_dir():
        return _of_folder(path)
    if path.name in _KALDI:
        return Layout("part of a Kaldi directory", "kaldi", path.parent)
    head = _head(path) or ""
    if "client_id\t" in head.split("\n", 1)[0]:
        return Layout("Common Voice's table", "common_voice", path)
    return None


def importer(path: Path) -> str | None:
    """Which command makes a manifest of what is at ``path``; None where it is not known."""
    if layout := layout_of(path):
        return _import(layout.what, f"prepare {layout.reader}", layout.source)
    if path.is_dir():
        manifests = sorted(each.name for each in path.glob("*.jsonl"))
        return f"give a manifest in it: {', '.join(manifests[:5])}" if manifests else None
    text = _head(path)
    if text is None:
        return None
    return _of_json(path, text) if text.lstrip()[:1] in ("{", "[") else _of_table(path, text)


def _head(path: Path) -> str | None:
    """The first MOST bytes of a file; None where there is none to read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(MOST).decode("utf-8-sig", "replace")
    except OSError:
        return None


def _import(what: str, command: str, source: Path, more: str = "") -> str:
    return (f"it looks like {what}: `evalkit corpus {command} {source}{more} --out manifest.jsonl` "
            "makes a manifest of it, or eval.yaml names its reader: corpus: {reader: "
            f"{command.rsplit(maxsplit=1)[-1]}, path: {source}}}")


def _of_folder(folder: Path) -> Layout | None:
    if (folder / "wav.scp").exists() or (folder / "utt2spk").exists():
        return Layout("a Kaldi directory", "kaldi", folder)
    if (folder / "clips").is_dir():
        tables = [name for name in _COMMON_VOICE if (folder / name).is_file()]
        return Layout("Common Voice", "common_voice", folder / (tables or ["test.tsv"])[0])
    if next(folder.glob("*/*/*.trans.txt"), None):
        return Layout("LibriSpeech", "librispeech", folder)
    named = (_FSDD.fullmatch(path.name) for place in (folder, folder / "recordings")
             for path in place.glob("*_*_*.wav"))
    return Layout("the Free Spoken Digit Dataset", "fsdd", folder) if next(named, None) else None


def _of_json(path: Path, text: str) -> str | None:
    row = _first_object(text)
    if "audio_filepath" in row:
        return _import("a NeMo manifest", "prepare nemo", path)
    if '"segments"' in text and '"text"' in text:
        return ("it looks like what Whisper wrote of one recording: these are hypotheses; write "
                'lines such as {"id": "u1", "hypothesis": "…"} and give them to --hypotheses')
    if text.lstrip().startswith("["):
        return "it looks like one JSON list; write one object a line (`jq -c .[] FILE`)"
    if {"hypothesis", "pred_text"} & row.keys():
        return "it looks like hypotheses: give it to --hypotheses, and the corpus to --manifest"
    return None


def _first_object(text: str) -> dict[str, Any]:
    try:
        return json_object(text.lstrip().split("\n", 1)[0])
    except ValueError:
        return {}


def _of_table(path: Path, text: str) -> str | None:
    head = text.split("\n", 1)[0].rstrip("\r")
    separator = "\t" if "\t" in head else ","
    columns = head.split(separator)
    if len(columns) < 2:
        return None
    kind = "a table with tabs" if separator == "\t" else "a CSV table"
    return _import(kind, "prepare table", path, "" if "id" in columns else " --column id=NAME")
