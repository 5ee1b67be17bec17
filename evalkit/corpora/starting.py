"""A first configuration for what somebody points at: a corpus in a known layout, a manifest, or a
folder of recordings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from string import Template

from evalkit.core.config import CorpusConfig
from evalkit.core.errors import ManifestError
from evalkit.core.text import count, printed
from evalkit.corpora.gathering import gathered
from evalkit.store.manifest import Manifest, inside, read_manifest
from evalkit.store.other_layouts import layout_of
from evalkit.store.remote import url_of

MANIFESTS = (".jsonl", ".json")
FIRST = 10
"""Columns that are named."""

_YAML = Template("""\
# $what
# Start it:  evalkit run $name --out runs/first --report reports/first
# A first look, at two utterances of every speaker, where all would take long:
#            evalkit run $name --out runs/look --report reports/look --set per_speaker=2

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
$pipelines

$metrics
normaliser: basic           # both sides of a comparison: none, basic, whisper_english, …

# Overrides for a trial:  evalkit run $name --out runs/trial --set seed=3
seed: 0
""")


def starting_config(source: Path, name: str) -> str:
    """A commented eval.yaml, to be called ``name``, for the corpus at ``source``. Raises
    ManifestError where nothing there can be used."""
    corpus = _corpus(source)
    read = (gathered(corpus, outside=True, remote=True) if corpus.reader else
            read_manifest(corpus.path, outside=True, remote=True))
    if not read.utterances:
        raise ManifestError(read.describe_problems() or f"{source}: holds no utterance")
    texts = any(u.text for u in read.utterances)
    written = json.dumps(str(corpus.path.absolute()), ensure_ascii=False)
    return _YAML.substitute(
        what=_what(source, read), name=name, outside=str(_leaves(read)).lower(),
        remote=REMOTE if any(u.audio and url_of(u.audio) for u in read.utterances) else "",
        corpus=f"{{reader: {corpus.reader}, path: {written}}}" if corpus.reader else written,
        pipelines="\n".join(f"  - {line}" for line in (TEXT if texts else AUDIO)),
        metrics="metrics: [wer, cer]" if texts else
                "metrics: [dnsmos]           # there are no texts; with them: wer, cer")


REMOTE = "remote: fetched             # the folder that recordings with a URL are fetched into\n"
TEXT = ("{name: pocketsphinx, recognizer: pocketsphinx}",)
AUDIO = ("{name: rnnoise, enhancer: rnnoise}",)


def _corpus(source: Path) -> CorpusConfig:
    """Which corpus is at ``source``."""
    layout = layout_of(source)
    if layout is not None:
        return CorpusConfig(reader=layout.reader, path=layout.source)
    if source.is_dir():
        manifests = sorted(source.glob("*.jsonl"))
        return (CorpusConfig(path=manifests[0]) if manifests else
                CorpusConfig(reader="audio_folder", path=source))
    if source.suffix.lower() not in MANIFESTS:
        raise ManifestError(f"{source}: is neither a corpus nor a table of results that is known")
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
    columns = _columns(u.metadata for u in read.utterances)
    return printed(f"{source}: {count(len(read.utterances), 'utterance')}"
                   + (f" of {count(speakers, 'speaker')}" if speakers else ", no speakers")
                   + (f"; metadata to group by: {', '.join(columns)}" if columns else ""), 300)


def _columns(rows: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))[:FIRST]
