"""Scoring tables of results: what they hold is written into the run folder as a manifest and files
of hypotheses, and scored as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing_folder
from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.types import Utterance
from evalkit.corpora.gathering import row_of
from evalkit.results.columns import Columns
from evalkit.results.labels import Labels
from evalkit.results.unfold import Results, unfold
from evalkit.run.given import Unfolded, score
from evalkit.run.occupied import check_folder
from evalkit.run.overlap import portion_said
from evalkit.store.manifest import Manifest, read_manifest, write_manifest
from evalkit.store.manifest_rows import inside
from evalkit.store.runfolder import RunFolder

GIVEN = "given"
"""Folder of a run folder in which stands what its tables held."""



@dataclass(frozen=True)
class Tables:
    """Tables by the names of their systems, and how they are read; ``hypotheses`` are files of
    systems that are in none of them."""

    paths: Mapping[str, Path]
    columns: Columns = field(default_factory=Columns)
    labels: Labels = field(default_factory=Labels)
    hypotheses: Mapping[str, Path] = field(default_factory=dict)


def score_tables(tables: Tables, out: Path, *, outside: bool = False, overwrite: bool = False,
                 say: Callable[[str], None] = lambda line: None, **options: Any) -> RunFolder:
    """Scores ``tables`` into the run folder ``out``; ``options`` are those of evalkit.run.given.
    Recordings that a column names must lie in the folder of the table unless ``outside``. Raises
    ManifestError and ConfigError for tables that cannot be used."""
    results = unfold(tables.paths, tables.columns, hypotheses=not tables.hypotheses)
    if results.counted and options.get("metrics"):
        raise ConfigError("--metric: counts of errors give wer and its parts alone; name columns "
                          "of texts (--ref, --hyp) for others")
    for note in results.notes:
        say(note)
    first = next(iter(tables.paths.values()))
    root = first.resolve().parent
    utterances, lost = tables.labels.applied(results.utterances, first.name, say)
    utterances, strangers = _playable(utterances, root, outside=outside)
    results = replace(results, utterances=utterances)
    manifest = out / GIVEN / (root.name or "table") / f"{first.stem}.jsonl"
    check_folder(out, "score", Manifest(manifest, results.utterances, (), ()),
                 portion_said(options.get("shard")), overwrite=overwrite)
    unfolded = _write(results, manifest)
    done = tables.labels
    return score(manifest, tables.hypotheses, out, canonical=[str(it) for it in done.canonical],
                 places=done.places, unfolded=replace(
        unfolded, left_out=tuple(merged([*results.left_out, *lost, *strangers]))),
        outside=True, overwrite=overwrite, say=say, **options)


def _playable(utterances: tuple[Utterance, ...], root: Path, *, outside: bool
              ) -> tuple[tuple[Utterance, ...], list[LeftOut]]:
    """``utterances`` without recordings that leave the folder ``root`` of the table."""
    if outside:
        return utterances, []
    strangers = {u.id: replace(u, audio=None) for u in utterances
                 if u.audio and not inside(u.audio, root)}
    left_out = [LeftOut("recording", root.name, "leaves the folder of the table; allow it with "
                        "--outside", len(strangers), tuple(strangers)[:NAMED])] if strangers else []
    return tuple(strangers.get(u.id, u) for u in utterances), left_out


def _write(results: Results, manifest: Path) -> Unfolded:
    """Writes the manifest, and beside it the hypotheses of every system, of which those of
    utterances that were not wanted are no part."""
    ids = {utterance.id for utterance in results.utterances}
    there = manifest.parent.resolve()
    with replacing_folder(manifest.parent.parent) as folder:
        place = folder / manifest.parent.name
        write_manifest(place / manifest.name, (row_of(u, there) for u in results.utterances))
        for name, texts in results.hypotheses.items():
            write_manifest(place / "hypotheses" / f"{name}.jsonl", (
                {"id": identifier, "hypothesis": text} for identifier, text in texts.items()
                if identifier in ids))
    files = {name: manifest.parent / "hypotheses" / f"{name}.jsonl" for name in results.hypotheses}
    return Unfolded(files, counted=results.counted)


def relabelled(run: RunFolder, manifest: Path | None, labels: Labels, say: Callable[[str], None]
               ) -> tuple[Path, list[LeftOut]]:
    """A manifest in the run folder of its utterances, or those of ``manifest``, with ``labels``.
    Raises ConfigError for a run that heard audio."""
    record = run.record()
    if record.command != "score":
        raise ConfigError("--join, --merge and their like are for runs of `evalkit score`; "
                          "add the columns to the manifest, and give it with --manifest")
    path = manifest or record.config.corpus.path
    read = read_manifest(path, outside=True, alternatives=record.config.alternatives, remote=True)
    utterances, left_out = labels.applied(read.utterances, record.corpus.name, say)
    place = run.path / GIVEN / record.corpus.name / path.name
    write_manifest(place, [row_of(u, place.parent.resolve()) for u in utterances])
    return place, left_out
