"""Which key of a row names the utterance, and which one holds what was heard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

IDS = ("id", "utterance_id", "utt_id", "uttid", "utt", "uid", "key", "idx")
PATHS = ("audio_filepath", "audio_path", "audio_file", "audio", "wav", "filename", "file_name",
         "file", "path")
"""Their file name without its suffix is the id."""
HEARD = ("hypothesis", "hyp", "pred_text", "prediction", "predicted_text", "generated_text", "pred")
EITHER = ("text", "transcript", "transcription", "sentence")
"""What is said or what was heard: only a table of two columns leaves no doubt."""


@dataclass(frozen=True)
class Keys:
    """The keys, or names of columns, that the user gives; None for the usual ones."""

    id: str | None = None
    text: str | None = None

    def chosen(self, names: Sequence[str], *, either: bool = False) -> tuple[str, str]:
        """The key of the id and that of the text among ``names``; ``either`` allows those of
        EITHER. Raises ValueError, naming what there is."""
        return self._id(names), self._text(names, HEARD + EITHER if either else HEARD)

    def _id(self, names: Sequence[str]) -> str:
        if self.id is not None:
            return _given(self.id, names, "--id-key")
        usual = _of(IDS, names) or _of(PATHS, names)
        if not usual:
            raise ValueError(f"no id: there is {', '.join(names) or 'nothing'}; call it 'id', or "
                             "say --id-key")
        return usual[0]

    def _text(self, names: Sequence[str], known: Collection[str]) -> str:
        if self.text is not None:
            return _given(self.text, names, "--text-key")
        usual = _of(known, names)
        if len(usual) == 1:
            return usual[0]
        if usual:
            raise ValueError(f"what was heard is in {' or '.join(usual)}; say --text-key")
        doubt = _of(EITHER, names)
        why = (f"{doubt[0]!r} may be what was said; say --text-key {doubt[0]} if it is what was "
               "heard" if doubt else "call it 'hypothesis', or say --text-key")
        raise ValueError(f"no hypothesis: there is {', '.join(names)}; {why}")

    def identifier(self, key: str, value: str) -> str:
        """The id that ``value`` of ``key`` gives: of a key that the user gives, as it stands."""
        return PurePosixPath(value).stem if self.id is None and key.lower() in PATHS else value


@lru_cache(maxsize=256)
def chosen(keys: Keys, names: tuple[str, ...]) -> tuple[str, str]:
    """``keys.chosen``, which most lines of a file ask for the same ``names``."""
    return keys.chosen(names)


def _given(key: str, names: Sequence[str], option: str) -> str:
    if key not in names:
        raise ValueError(f"there is no {key!r} ({option}); there is {', '.join(names)}")
    return key


def _of(known: Collection[str], names: Sequence[str]) -> list[str]:
    """The names that are known, in the order of ``known``."""
    return [name for usual in known for name in names if name.strip().lower() == usual]
