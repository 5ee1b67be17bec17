"""A first configuration for what somebody points at: a corpus in a known layout, a manifest, or a
folder of recordings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from string import Template

from evalkit.core.config import CorpusConfig
from evalkit.core.errors import ManifestError
from evalkit.core.names import listed
from evalkit.core.text import count, printed
from evalkit.corpora.gathering import gathered
from evalkit.store.manifest import Manifest, read_manifest
from evalkit.store.manifest_rows import inside
from evalkit.store.other_layouts import layout_of
from evalkit.store.remote import url_of

MANIFESTS = (".jsonl", ".json")
TABLES = (".csv", ".tsv")
FIRST = 10
"""Columns that are named."""

_YAML = Template("""\
# $what
# Start it:  evalkit run $name --out runs/first --report reports/first
$look
corpus: $corpus
outside: $outside              # whether recordings may lie outside the corpus folder
$remote
# What is done to the speech before a pipeline hears it. A further one:
#   - {name: noise_10db, noise: babble, snr_db: 10}
conditions:
  - clean

# What is compared: an enhancer, a recognizer and a speaker encoder, each of them optional.
# `evalkit doctor` lists what is installed. Your own program is one too:
#   - {name: mine, recognizer: {name: command, run: "python my_recognizer.py {input}"}}
pipelines:
  - $pipeline

$metrics
normaliser: basic           # both sides of a comparison: none, basic, whisper_english, …

# Overrides for a trial:  evalkit run $name --out runs/trial --set seed=3
seed: 0
""")


_LOOK = """\
# A first look, at two utterances of every speaker, where all would take long:
#            evalkit run {name} --out runs/look --report reports/look --set per_speaker=2
"""


def starting_config(source: Path, name: str, why: str = "") -> str:
    """A commented eval.yaml, to be called ``name``, for the corpus at ``source``. Raises
    ManifestError where nothing there can be used; ``why`` says why it is no table of results."""
    corpus = _corpus(source, why)
    read = _read(source, corpus)
    name = printed(typed(name), 300)
    return _YAML.substitute(
        what=printed(_what(source, read) + _others(source, corpus), 400), name=name,
        look=_look(name, read), outside=str(_leaves(read)).lower(), remote=_remote(read),
        corpus=_named(corpus), pipeline=_pipeline(read),
        metrics=OF_TEXTS if _has_texts(read) else OF_AUDIO)


def _read(source: Path, corpus: CorpusConfig) -> Manifest:
    """The corpus at ``source``. Raises ManifestError where it has no utterance."""
    try:
        read = (gathered(corpus, outside=True, remote=True) if corpus.reader else
                read_manifest(corpus.path, outside=True, remote=True))
    except ManifestError as error:
        raise ManifestError(f"{error}{_tables(source)}") from error
    if not read.utterances:
        raise ManifestError(read.describe_problems() or f"{source}: holds no utterance")
    if not _has_texts(read) and not _has_audio(read):
        raise ManifestError(f"{corpus.path}: none of its utterances has a recording or a text; if "
                            "it is a table of results: `evalkit init` and the file itself")
    return read


def _named(corpus: CorpusConfig) -> str:
    """The corpus as a value of YAML."""
    written = json.dumps(str(corpus.path.absolute()), ensure_ascii=False)
    return f"{{reader: {corpus.reader}, path: {written}}}" if corpus.reader else written


def _has_texts(read: Manifest) -> bool:
    return any(u.text for u in read.utterances)


def _has_audio(read: Manifest) -> bool:
    return any(u.audio for u in read.utterances)


def _pipeline(read: Manifest) -> str:
    """What can work on the corpus."""
    if not _has_audio(read):
        return GIVEN
    return TEXT if _has_texts(read) else AUDIO


def _look(name: str, read: Manifest) -> str:
    """How a part is run, where it is known who speaks."""
    return _LOOK.format(name=name) if all(u.speaker for u in read.utterances) else ""


def _remote(read: Manifest) -> str:
    return REMOTE if any(u.audio and url_of(u.audio) for u in read.utterances) else ""


def typed(path: str) -> str:
    """A path as a word of a command line, which is no option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _tables(source: Path) -> str:
    """What else could be given, of a folder that has tables."""
    names = sorted(each.name for suffix in TABLES for each in source.glob(f"*{suffix}"))
    return f"; if its tables are of results, give one of them: {listed(names)}" if names else ""


def _others(source: Path, corpus: CorpusConfig) -> str:
    """The manifests of a folder that are not taken."""
    if corpus.reader or not source.is_dir():
        return ""
    names = sorted(each.name for each in source.glob("*.jsonl") if each.name != corpus.path.name)
    return f"; {corpus.path.name} is taken, and not {listed(names)}" if names else ""


REMOTE = "remote: fetched             # the folder that recordings with a URL are fetched into\n"
TEXT = "{name: pocketsphinx, recognizer: pocketsphinx}"
AUDIO = "{name: rnnoise, enhancer: rnnoise}"
OF_TEXTS = "metrics: [wer, cer]"
OF_AUDIO = "metrics: [dnsmos]           # there are no texts; with them: wer, cer"
GIVEN = ("{name: mine, recognizer: {name: precomputed, path: YOUR_HYPOTHESES.jsonl}}"
         "  # there is nothing to hear")


def _corpus(source: Path, why: str) -> CorpusConfig:
    """Which corpus is at ``source``."""
    layout = layout_of(source)
    if layout is not None:
        return CorpusConfig(reader=layout.reader, path=layout.source)
    if source.is_dir():
        manifests = sorted(source.glob("*.jsonl"))
        return (CorpusConfig(path=manifests[0]) if manifests else
                CorpusConfig(reader="audio_folder", path=source))
    if not source.exists():
        raise ManifestError(f"{source}: there is no such file or folder")
    if source.suffix.lower() not in MANIFESTS:
        raise ManifestError(f"{source}: is neither a corpus nor a table of results that is known"
                            + (f": {why.removeprefix(f'{source.name}: ')}" if why else ""))
    read = read_manifest(source, outside=True, remote=True)
    return CorpusConfig(path=source) if read.utterances else CorpusConfig(reader="nemo",
                                                                          path=source)


def _leaves(read: Manifest) -> bool:
    """Whether any recording lies outside the corpus folder."""
    return not all(inside(u.audio, read.root) for u in read.utterances
                   if u.audio and not url_of(u.audio))


def _what(source: Path, read: Manifest) -> str:
    """What there is, in a line of comment."""
    speakers = len({u.speaker for u in read.utterances} - {None})
    lost = sum(not _is_there(u.audio) for u in read.utterances)
    columns = _columns(u.metadata for u in read.utterances)
    parts = [f" of {count(speakers, 'speaker')}" if speakers else ", no speakers",
             f", {lost:,} without a recording" * bool(lost),
             f"; metadata to group by: {', '.join(columns)}" * bool(columns)]
    return f"{source}: {count(len(read.utterances), 'utterance')}{''.join(parts)}"


def _is_there(audio: Path | None) -> bool:
    """Whether a recording is a file, or somewhere else."""
    return audio is not None and (url_of(audio) is not None or audio.exists())


def _columns(rows: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))[:FIRST]
