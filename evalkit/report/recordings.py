"""The recordings behind an utterance, copied beside the page that plays them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.core.errors import RunError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.report.place import COPIES, PICTURES
from evalkit.report.spectrograms import spectrogram
from evalkit.store.documents.run import RunRecord
from evalkit.store.runfolder import AUDIO_SUFFIXES, RunFolder
from evalkit.store.sealed import DamageError

"""Where the copies are, beside the page."""


@dataclass(frozen=True)
class Player:
    """One recording. ``source`` is its address from the page, and empty where ``note`` says
    why there is nothing to play; ``picture`` the address of its spectrogram, "" without one."""

    label: str
    source: str = ""
    note: str = ""
    picture: str = ""


@dataclass(frozen=True)
class Recordings:
    """The recordings of a run, copied into ``folder / COPIES`` as they are asked for, each
    under a name made of its content. Those ``damaged`` are named for the ledger."""

    run: RunFolder
    record: RunRecord
    folder: Path
    damaged: list[str] = field(default_factory=list)
    pictures: bool = True

    def players(self, utterance: Mapping[str, Any], output: Mapping[str, Any], *,
                pictures: bool = True) -> list[Player]:
        """The clean reference, the input of the pipeline, and what its enhancer, if it has one,
        made of it, each with its spectrogram if ``pictures``; nothing where neither the corpus nor
        the run has audio. A recording that is the same as the one before is shown with it."""
        of = self if pictures else replace(self, pictures=False)
        return of._players(utterance, output)

    def _players(self, utterance: Mapping[str, Any], output: Mapping[str, Any]) -> list[Player]:
        audio, reference = utterance.get("audio"), utterance.get("reference_audio")
        part = utterance.get("offset") or 0.0, utterance.get("duration")
        made = [self._player("Reference", reference or audio, self._of_corpus, part)]
        if output["input_audio"]:
            made.append(self._player("Input", output["input_audio"], self.run.audio))
        elif audio:
            made.append(self._player("Input", audio, self._of_corpus, part) if self._kept
                        else Player("Input", note="this run did not keep it (keep_audio)"))
        if output["output_audio"]:
            made.append(self._player("Enhanced", output["output_audio"], self.run.audio))
        elif self._enhances(output["pipeline"]):
            made.append(Player("Enhanced", note="the run holds none" if self._kept
                               else "this run did not keep it (keep_audio)"))
        return _joined(made) if any(p.source or p.note for p in made) else []

    @property
    def left_out(self) -> list[LeftOut]:
        """The recordings that cannot be played because they are damaged."""
        names = tuple(dict.fromkeys(self.damaged))
        return [LeftOut("recording", "the worst utterances", "missing or not as it was written; "
                        "remove it, and run it again", len(names), names[:NAMED])] if names else []

    @property
    def _kept(self) -> bool:
        return self.record.config.keep_audio

    def _of_corpus(self, name: str) -> Path:
        return self.run.corpus_audio(name, self.record)

    def _enhances(self, pipeline: str) -> bool:
        known = self.record.pipelines
        return pipeline in known and known[pipeline].enhancer is not None

    def _player(self, label: str, name: str | None, find: Callable[[str], Path],
                part: tuple[float, float | None] = (0.0, None)) -> Player:
        if not name:
            return Player(label)
        try:
            address = self._copy(find(name))
            return Player(label, address + _fragment(*part), picture=self._picture(
                spectrogram(self.folder / address, *part)) if self.pictures else "")
        except DamageError:
            self.damaged.append(name)
            return Player(label, note=f"damaged: {name} is missing or not as it was written")
        except (RunError, OSError, ValueError):
            return Player(label, note=f"missing: {name} cannot be read")

    def _picture(self, png: bytes) -> str:
        """Its address from the page, under a name made of its content."""
        if not png:
            return ""
        address = f"{PICTURES}/{hashlib.sha256(png).hexdigest()[:20]}.png"
        (self.folder / PICTURES).mkdir(exist_ok=True)
        (self.folder / address).write_bytes(png)
        return address

    def _copy(self, path: Path) -> str:
        if not path.is_file():
            raise RunError(f"{path}: no such file")
        path = path.resolve()  # a link must lead to audio, too
        suffix = path.suffix.lower()
        if suffix not in AUDIO_SUFFIXES:
            raise RunError(f"{path}: not an audio file")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        address = f"{COPIES}/{digest[:20]}{suffix}"
        (self.folder / COPIES).mkdir(exist_ok=True)
        shutil.copyfile(path, self.folder / address)
        return address


def _fragment(offset: float, duration: float | None) -> str:
    """The media fragment of an utterance that is a part of its recording."""
    if not offset and not duration:
        return ""
    return f"#t={offset:.3f}" + (f",{offset + duration:.3f}" if duration else "")


def _joined(players: list[Player]) -> list[Player]:
    joined: list[Player] = []
    for player in players:
        last = joined[-1] if joined else None
        if last and (last.source, last.note) == (player.source, player.note):
            joined[-1] = replace(last, label=f"{last.label} and {player.label.lower()}")
        elif player.source or player.note:
            joined.append(player)
    return joined
