"""Tables of results as the verbs take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evalkit.api.folders import AnyPath
from evalkit.core.errors import ConfigError
from evalkit.core.files import in_one_line
from evalkit.store.delivery import delivering

if TYPE_CHECKING:
    from evalkit.results.columns import Columns
    from evalkit.results.labels import Labels
    from evalkit.store.runfolder import RunFolder


@in_one_line
@delivering
def score_tables(tables: Mapping[str, AnyPath], out: AnyPath, *,
                 columns: Mapping[str, Any] = MappingProxyType({}),
                 hypotheses: Mapping[str, AnyPath] = MappingProxyType({}),
                 join: Sequence[tuple[AnyPath, str | None]] = (), merge: Sequence[str] = (),
                 where: Sequence[str] = (), canonical: Sequence[str] = (),
                 places: Sequence[str] = (), metrics: Sequence[str] = (),
                 normaliser: str | Sequence[str] = "basic", costs: str = "levenshtein",
                 alternatives: bool = False, glm: AnyPath | None = None, form: str | None = None,
                 id_key: str | None = None, text_key: str | None = None,
                 outside: bool = False, workers: int = 0, shard: str | None = None,
                 overwrite: bool = False, say: Callable[[str], None] = lambda line: None
                 ) -> RunFolder:
    """Scores tables of results (CSV, TSV, JSON lines, Parquet) by the names of their systems into
    the run folder ``out``.

    ``columns`` says which column is which, where they have not their usual names: "id",
    "reference" (or several, each with a right text), "speaker", "system", "audio", "hypotheses"
    ({name of a system: column}), "counts"
    ({"substitutions": column, …}, for tables without texts) and "speaker_pattern", an expression
    that finds the speaker at the beginning of an id. All other columns are metadata. ``hypotheses``
    are files of further systems, read as ``score`` reads them. ``join`` are tables whose columns
    are added, each with its column that names speakers or utterances, or None; ``merge`` such as
    "accent: zulu=isizulu" and ``where`` such as "domain=clinical" are as on the command line, and
    so are ``canonical``, kinds of labels, and ``places``, columns. The rest is as for ``score``."""
    from evalkit.run.given import Reading
    from evalkit.run.given_tables import Tables, score_tables

    chosen = _columns({**columns, "alternatives": alternatives})
    given = Tables(_paths(tables), chosen, labels(join, merge, where, canonical, places),
                   _paths(hypotheses))
    return score_tables(given, Path(out), metrics=list(metrics), normaliser=normaliser, costs=costs,
                        alternatives=chosen.has_readings, glm=None if glm is None else Path(glm),
                        reading=Reading(form, id_key, text_key), outside=outside, workers=workers,
                        shard=shard, overwrite=overwrite, say=say)


@in_one_line
@delivering
def score_trials(scores: Sequence[tuple[str | None, AnyPath]], out: AnyPath, *,
                 trials: AnyPath | None = None, manifest: AnyPath | None = None,
                 speaker_pattern: str | None = None,
                 join: Sequence[tuple[AnyPath, str | None]] = (), canonical: Sequence[str] = (),
                 merge: Sequence[str] = (), overwrite: bool = False,
                 say: Callable[[str], None] = lambda line: None) -> RunFolder:
    """Makes a run of speaker verification from ``scores`` that other tools gave, files by the names
    of their systems, or None. ``trials`` is the list of pairs, which may be left out where a file
    says which of them are of one speaker. Who speaks is said by ``manifest``, or found by
    ``speaker_pattern`` at the beginning of ids; the rest is as for ``score_tables``."""
    from evalkit.run.given_trials import Scored, systems_of
    from evalkit.run.given_trials import score_trials as score

    given = Scored(systems_of([(name, Path(path)) for name, path in scores]),
                   None if trials is None else Path(trials),
                   None if manifest is None else Path(manifest), speaker_pattern,
                   labels(join, merge, (), canonical))
    return score(given, Path(out), overwrite=overwrite, say=say)


def _paths(files: Mapping[str, AnyPath]) -> dict[str, Path]:
    return {name: Path(path) for name, path in files.items()}


def _columns(given: Mapping[str, Any]) -> Columns:
    """Raises ConfigError for a key that there is not."""
    from dataclasses import fields

    from evalkit.core.mistakes import unknown_key
    from evalkit.results.columns import Columns

    known = [field.name for field in fields(Columns)]
    for key in given.keys() - {*known}:
        raise ConfigError(f"columns: {unknown_key(key, known)}")
    return Columns(**given)


def labels(join: Sequence[tuple[AnyPath, str | None]], merge: Sequence[str],
           where: Sequence[str] = (), canonical: Sequence[str] = (), places: Sequence[str] = ()
           ) -> Labels:
    """Raises ConfigError for what cannot be understood."""
    from evalkit.results.labels import Labels

    return Labels.parsed([(Path(path), column) for path, column in join], merge, where,
                         canonical, places)
