"""A run of its shards, which as many processes, perhaps on as many machines, have made of it: what
they made is brought together, and the run's tables are made of it as one machine makes them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import replacing
from evalkit.run.given_tables import GIVEN
from evalkit.run.portions import HERE, Portion, digest_of, moved
from evalkit.run.prints import Prints
from evalkit.run.resuming import resumed
from evalkit.run.runner import Prepared, Work, prepare
from evalkit.store.documents.begun import BEGUN, Begun
from evalkit.store.documents.corpora import CORPORA, Corpora
from evalkit.store.documents.portion import PORTION, PortionRecord, held, holds_whole
from evalkit.store.documents.run import Corpus
from evalkit.store.lock import locked
from evalkit.store.runfolder import RunFolder

BROUGHT = ("outputs/*/*.parquet", "scores/*.parquet", "shards/*.parquet", "audio/*/*")
"""What of a share is a part of the run; each file is named by what it was made of."""
Shares = Mapping[Path, PortionRecord]
Say = Callable[[str], None]


def merge(folders: Sequence[Path], out: Path, *, overwrite: bool = False,
          say: Say = lambda line: None) -> dict[str | None, RunFolder]:
    """Makes the run ``out`` of the ``folders`` of all its shards, which stay as they are; of
    several corpora the run folder of each, by its name. Raises RunError, naming the folder and what
    to do, where they are not all the shards of one run, each once and finished."""
    if not folders:
        raise ConfigError("give the folders of all shards of a run")
    if out.resolve() in {folder.resolve() for folder in folders}:
        raise ConfigError(f"--out {out}: is one of the shards; give the run a folder of its own")
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise RunError(f"{folder}: is given twice; name each shard once")
    names = _corpora(folders)
    if not names:
        return {None: _merge(folders, out, overwrite=overwrite, say=say)}
    made: dict[str | None, RunFolder] = {}
    with locked(out, "merge"):
        for name in names:
            made[name] = _merge([folder / name for folder in folders], out / name,
                                overwrite=overwrite, say=say)
        Corpora(names=names).write(out / CORPORA)
    return made


def _corpora(folders: Sequence[Path]) -> list[str]:
    """The names of the corpora of a run of several. Raises RunError where they are not the same in
    all folders."""
    names = [Corpora.read(folder / CORPORA).names if (folder / CORPORA).exists() else []
             for folder in folders]
    for folder, its in zip(folders, names, strict=True):
        if its != names[0]:
            raise RunError(f"{folder}: is of other corpora than {folders[0]}; give the shards of "
                           "one run")
    return names[0]


def _merge(folders: Sequence[Path], out: Path, *, overwrite: bool, say: Say) -> RunFolder:
    """Of one corpus."""
    if not overwrite and (its := held(out)):
        raise RunError(f"{out}: {its}; give the run a folder of its own, or --overwrite")
    shares = {folder: _record(folder) for folder in folders}
    first, one = next(iter(shares.items()))
    _check_same(shares, first)
    _check_all(shares, first)
    make = partial(_prepared, one, out, overwrite=overwrite, say=say)
    ready = make(first)
    for folder, share in shares.items():
        _check_whole(folder, share, ready)
    with locked(out, one.command):
        for folder in shares:
            _bring(folder, out)
    if (first / GIVEN).is_dir():  # what tables held stands in the folder of their run
        shutil.copytree(first / GIVEN, out / GIVEN, dirs_exist_ok=True)
        ready = make(out)
    return ready.carried_out(Work(), say, prune=False)


def _prepared(one: PortionRecord, out: Path, place: Path, *, overwrite: bool, say: Say
              ) -> Prepared:
    """The whole run ``out`` of the share ``one``, whose own files are in the folder ``place``."""
    config = EvalConfig.model_validate(moved(one.config, HERE, str(place.resolve())))
    return prepare(config, out, command=one.command, say=say, left_out=one.left_out,
                   overwrite=overwrite)


def _record(folder: Path) -> PortionRecord:
    if holds_whole(folder):
        raise RunError(f"{folder}: holds a whole run, no shard of one")
    if not (folder / PORTION).exists():
        raise RunError(f"{folder}: holds no shard of a run; `evalkit run --shard I/N` and `evalkit "
                       "score --shard I/N` make one")
    return PortionRecord.read(folder / PORTION)


def _check_same(shares: Shares, first: Path) -> None:
    """Raises RunError where they are not of one run."""
    one = shares[first]
    for folder, share in shares.items():
        if share.of != one.of:
            raise RunError(f"{folder}: is shard {share.share}, {first} shard {one.share}; give the "
                           "shards of one run")
        if share.plan != one.plan:
            raise RunError(f"{folder}: is of another run than {first}: "
                           f"{_otherwise(folder, first)}; make it again as the others "
                           "were, or leave it out")


def _otherwise(folder: Path, first: Path) -> str:
    """What two shares of different runs have not in common."""
    share, one = (PortionRecord.read(place / PORTION) for place in (folder, first))
    if share.command != one.command:
        return f"by `evalkit {share.command}`, not `evalkit {one.command}`"
    keys = [key for key in one.config if share.config.get(key) != one.config[key]]
    if keys:
        return f"`{keys[0]}` of its configuration is another"
    if share.evalkit != one.evalkit:
        return f"made by evalkit {share.evalkit}, not {one.evalkit}"
    return _other_rows(*(Begun.read(place / BEGUN).corpus for place in (folder, first)))


def _other_rows(its: Corpus, other: Corpus) -> str:
    """What has changed where shares differ in nothing that they say."""
    return ("a system has changed between them" if its.digest == other.digest else
            f"the rows of {its.manifest}, or labels that were added to them, changed between them "
            f"({its.utterances:,} utterances, and {other.utterances:,})")


def _check_all(shares: Shares, first: Path) -> None:
    """Raises RunError where a shard is there twice, missing or unfinished."""
    found: dict[int, Path] = {}
    for folder, share in shares.items():
        if share.number in found:
            raise RunError(f"{folder}: is shard {share.share}, which {found[share.number]} is too; "
                           "leave one of them out")
        if not share.done:
            raise RunError(f"{folder}: shard {share.share} is not finished; start it again, it "
                           "goes on where it was")
        found[share.number] = folder
    _check_none_missing(first, shares[first].of, found)


def _check_none_missing(first: Path, of: int, found: Container[int]) -> None:
    missing = [f"{n}/{of}" for n in range(1, of + 1) if n not in found]
    if missing:
        more = ", …" if len(missing) > 3 else ""
        raise RunError(f"{first}: of its {of} shards {', '.join(missing[:3])}{more} "
                       f"{'is' if len(missing) == 1 else 'are'} missing; give the folder of each, "
                       "or make it with --shard")


def _check_whole(folder: Path, share: PortionRecord, ready: Prepared) -> None:
    """Raises RunError where something of a share is not as it was written, or no longer what the
    run would make."""
    own = Portion(share.number, share.of).part(ready.plan)
    keys = {shard.key for shard in own.work}
    found = resumed(own.work, folder, keys)
    if not found.pending:
        return
    if {path.stem.split(".")[0] for path in (folder / "scores").glob("*.parquet")} - keys:
        raise RunError(f"{folder}: shard {share.share} was made of what has changed since: "
                       f"{_changed(folder, share, ready)}; bring that back as it was, or make all "
                       "shards again as they were made")
    raise RunError(f"{folder}: of shard {share.share} {len(found.pending)} of {len(own.work)} "
                   f"parts cannot be used ({found.damages[0]}); start it again, it makes these "
                   "alone")


def _changed(folder: Path, share: PortionRecord, ready: Prepared) -> str:
    """What is no longer as it was when a share was made."""
    before, now = Begun.read(folder / BEGUN).corpus, ready.manifest.utterances
    rows = Prints(ready.config.corpus.root, {}).corpus(now, {})
    if before.digest != rows:
        return (f"the rows of {ready.manifest.path}, or labels that are added to them "
                f"({before.utterances:,} utterances then, {len(now):,} now)")
    same = digest_of(share.command, share.config, rows, ready.plan.outline) == share.plan
    return "a recording" if same else "a system, or a file of its"


def _bring(folder: Path, out: Path) -> None:
    """Puts the files of a share into the run: links where that is possible, copies elsewhere."""
    for pattern in BROUGHT:
        for path in folder.glob(pattern):
            target = out / path.relative_to(folder)
            if path.name.startswith(".") or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                os.link(path.resolve(), target)  # not the link that a path may be
                continue
            with replacing(target) as temporary:
                shutil.copy2(path, temporary)
