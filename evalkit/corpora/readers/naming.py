"""Which key or column of somebody's file is which field of an utterance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evalkit.core.errors import ManifestError
from evalkit.core.names import offer
from evalkit.store.manifest_rows import FIELDS

USUAL: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "utterance_id", "utt_id"),
    "audio": ("audio_filepath", "audio", "file_name", "audio_path", "path", "file"),
    "reference_audio": ("reference_audio",),
    "text": ("text", "sentence", "transcription", "transcript", "reference"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "offset": ("offset",), "duration": ("duration",),
}
"""The names that are looked for, the likeliest first: NeMo's, Hugging Face's and our own."""


def check_fields(given: Mapping[str, str]) -> None:
    """Raises ValueError for a field that no utterance has."""
    if unknown := sorted(set(given) - set(FIELDS)):
        raise ValueError(f"{unknown[0]!r} is no field of an utterance; {offer(unknown[0], FIELDS)}")


def chosen(known: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """By field the name that it has: as ``given``, else the first usual one of those ``known``,
    else the first usual one. Raises ManifestError for a given name that there is not."""
    names = dict.fromkeys(known)
    for field, name in given.items():
        if names and name not in names:
            raise ManifestError(f"no {name!r} for {field}; {offer(name, names)}")
    return {field: given.get(field) or next((name for name in usual if name in names), usual[0])
            for field, usual in USUAL.items()}
