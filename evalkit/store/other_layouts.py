"""What a file or folder looks like that was given for a manifest and is none, and what makes a
manifest of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalkit.store.json_lines import json_object

MOST = 65_536
"""Bytes that are looked at."""
_KALDI = ("wav.scp", "utt2spk", "segments", "text")


def importer(path: Path) -> str | None:
    """Which command makes a manifest of what is at ``path``; None where it is not known."""
    if path.is_dir():
        return _of_folder(path)
    if path.name in _KALDI:
        return _import("part of a Kaldi directory", "prepare kaldi", path.parent)
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            text = file.read(MOST).decode("utf-8-sig", "replace")
    except OSError:
        return None
    return _of_json(path, text) if text.lstrip()[:1] in ("{", "[") else _of_table(path, text)


def _import(what: str, command: str, source: Path, more: str = "") -> str:
    return (f"it looks like {what}: `evalkit corpus {command} {source}{more} --out manifest.jsonl` "
            "makes a manifest of it, or eval.yaml names its reader: corpus: {reader: "
            f"{command.rsplit(maxsplit=1)[-1]}, path: {source}}}")


def _of_folder(folder: Path) -> str | None:
    if (folder / "wav.scp").exists() or (folder / "utt2spk").exists():
        return _import("a Kaldi directory", "prepare kaldi", folder)
    if (folder / "clips").is_dir():
        return _import("Common Voice", "prepare common_voice", folder / "test.tsv")
    if next(folder.glob("*/*/*.trans.txt"), None):
        return _import("LibriSpeech", "prepare librispeech", folder)
    manifests = sorted(path.name for path in folder.glob("*.jsonl"))
    return f"give a manifest in it: {', '.join(manifests[:5])}" if manifests else None


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
    if "client_id\t" in head:
        return _import("Common Voice's table", "prepare common_voice", path)
    separator = "\t" if "\t" in head else ","
    columns = head.split(separator)
    if len(columns) < 2:
        return None
    kind = "a table with tabs" if separator == "\t" else "a CSV table"
    return _import(kind, "prepare table", path, "" if "id" in columns else " --column id=NAME")
