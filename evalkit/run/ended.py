"""Shards of which some utterances ended their process, by a crash or by taking too long: what was
made of the others. It is kept apart, so that other pipelines try these utterances too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.run.keys import short
from evalkit.run.made import Made
from evalkit.run.plan import Shard
from evalkit.store.outputs import OutputStore, Row
from evalkit.store.sealed import is_whole, note_of

ENDED = "ended"
"""The note of such a shard's scores, and what stands in place of a stage where it is kept which
utterances they are."""
HALVED = "halved"
"""The note where others were heard in smaller batches than they would have been: what was made of
them may be scored anew, but is not what another run would make."""


def paths(shard: Shard, store: OutputStore) -> list[Path]:
    """What ``keep`` writes."""
    return [store.path(stage, _key(shard)) for stage in (*shard.keys.stages, ENDED)]


def keep(shard: Shard, made: Made, store: OutputStore) -> None:
    """Keeps the outputs of all utterances but those that ended their process, and of those the
    errors."""
    if shard.cell.outputs_only:
        return  # nothing is new
    for stage, key in shard.keys.stages.items():
        rows = made.outputs[stage]
        store.write(stage, _key(shard), [rows[u.id] for u in shard.utterances
                                         if u.id not in made.ended])
        store.list_audio(key)
    errors = [{"utterance_id": u.id, "error": made.ended[u.id]} for u in shard.utterances
              if u.id in made.ended]
    store.write(ENDED, _key(shard), errors, HALVED if made.halved else "")


def rows(shard: Shard, stage: str, store: OutputStore) -> list[Row] | None:
    """The kept rows of a stage; None where there are none that may be used."""
    return store.read(stage, _key(shard)) if _errors(shard, store) else None


def errors(shard: Shard, store: OutputStore) -> Mapping[str, str]:
    """Of the utterances that ended their process when the shard was last worked on; none where all
    outputs of the shard are there."""
    whole = all(is_whole(store.path(stage, key)) for stage, key in shard.keys.stages.items())
    return {} if whole else _errors(shard, store)


def _errors(shard: Shard, store: OutputStore) -> dict[str, str]:
    kept = store.read(ENDED, _key(shard))
    if not kept or (not shard.cell.outputs_only
                    and note_of(store.path(ENDED, _key(shard))) == HALVED):
        return {}
    return {row["utterance_id"]: row["error"] for row in kept}


def _key(shard: Shard) -> str:
    """Of the whole pipeline, whichever of its systems it was."""
    return short([ENDED, dict(shard.keys.stages)])
