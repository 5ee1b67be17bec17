"""Clean and noisy folders side by side: VoiceBank-DEMAND, the DNS Challenge, and others so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import offer
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import one_text, read_lines

_FILE = re.compile(r"fileid_(\d+)")
_SNR = re.compile(r"_snr(-?\d+(?:\.\d+)?)")
SUFFIXES = frozenset({".wav", ".flac", ".ogg"})


def clean_noisy(source: Path, *, clean: str = "clean", noisy: str = "noisy"
                ) -> Iterator[Utterance | LeftOut]:
    """The recordings of the folder ``noisy`` in ``source``, each with its reference in ``clean``:
    the file of the same name, or with the same ``fileid_N``, as the DNS Challenge has them. A
    ``_snrN`` in a name is metadata, in dB."""
    references = _recordings(source, clean)
    by_number = {_number(name) or name: path for name, path in references.items()}
    used = set()
    for name, audio in _recordings(source, noisy).items():
        reference = references.get(name) or by_number.get(_number(name) or name)
        if reference is None:
            yield LeftOut("recording", str(source / noisy), f"{clean} has no recording for it",
                          names=(audio.name,))
            continue
        used.add(reference)
        snr = _SNR.search(name)
        yield Utterance(name, audio, reference_audio=reference,
                        metadata={"snr_db": float(snr[1])} if snr else {})
    for path in sorted(set(references.values()) - used):
        yield LeftOut("recording", str(source / clean), f"{noisy} has no recording for it",
                      names=(path.name,))


def _number(name: str) -> str | None:
    """N of ``fileid_N``."""
    found = _FILE.search(name)
    return found[1] if found else None


def voicebank_demand(source: Path, *, split: str = "testset") -> Iterator[Utterance | LeftOut]:
    """The recordings of ``noisy_SPLIT_wav``, with those of ``clean_SPLIT_wav`` as references, the
    texts of ``SPLIT_txt`` and the noise and its level (dB) of ``log_SPLIT.txt``, where those are.
    ``split`` is testset, trainset_28spk or trainset_56spk; the speaker is the name before the
    first ``_``."""
    noises: dict[str, Mapping[str, str | float]] = {}
    for item in _log(source / f"log_{split}.txt"):
        if isinstance(item, LeftOut):
            yield item
        else:
            noises |= item
    for each in clean_noisy(source, clean=f"clean_{split}_wav", noisy=f"noisy_{split}_wav"):
        if isinstance(each, LeftOut):
            yield each
            continue
        text = one_text(source / f"{split}_txt" / f"{each.id}.txt")
        yield Utterance(each.id, each.audio, each.id.partition("_")[0], text, each.reference_audio,
                        metadata=noises.get(each.id, {}))


def _log(path: Path) -> Iterator[dict[str, Mapping[str, str | float]] | LeftOut]:
    """Lines of a name, a noise and its level in dB."""
    for number, line in enumerate(read_lines(path) if path.is_file() else (), 1):
        name, noise, level = (*line.split(), "", "", "")[:3]
        try:
            yield {name: {"noise": noise, "snr_db": float(level)}}
        except ValueError:
            yield LeftOut("row", str(path), "is not a name, a noise and its level in dB",
                          names=(f"line {number}",))


def _recordings(source: Path, name: str) -> dict[str, Path]:
    """By name without suffix. Raises ManifestError where there is no such folder."""
    if not (source / name).is_dir():
        beside = sorted(each.name for each in source.glob("*") if each.is_dir())
        raise ManifestError(f"{source}: no folder {name!r} in it; {offer(name, beside)}")
    return {path.stem: path for path in sorted((source / name).iterdir())
            if path.suffix.lower() in SUFFIXES}
