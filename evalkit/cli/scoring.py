"""The command ``score``: hypotheses in files or tables, or the outputs of a run anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from evalkit import __version__, api
from evalkit.cli.merging import Shard, check_shard, show_shard
from evalkit.cli.named import (
    columns_of,
    file_of,
    hypotheses_of,
    listed,
    references_of,
    tables_of,
)
from evalkit.cli.next_steps import Hints, next_steps
from evalkit.cli.options import (
    MOST_FAILED,
    MaxFailed,
    Overwrite,
    Report,
    Workers,
    pair,
    processes,
    say,
)
from evalkit.cli.outcome import judge, show
from evalkit.core.errors import ConfigError
from evalkit.store.remote import named

if TYPE_CHECKING:
    from evalkit.store.runfolder import RunFolder


def score(sources: Annotated[list[str] | None, typer.Argument(
              metavar="[RUN | [NAME=]TABLE ...]",
              help="A run folder, whose own outputs are scored anew; or tables of results: CSV, "
                   "TSV, JSON lines or Parquet.")] = None,
          manifest: Annotated[Path | None, typer.Option(
              "--manifest", "-m", help="The utterances; of a run, with corrected transcripts.")
              ] = None,
          hypotheses: Annotated[list[str] | None, typer.Option(
              "--hypotheses", "-y", metavar="[NAME=]FILE",
              help="Transcripts of a system; repeat it for several systems.")] = None,
          out: Annotated[Path | None, typer.Option(
              "--out", "-o", help="Folder to write; a run is scored where it is.")] = None,
          report: Report = None,
          identifier: Annotated[str | None, typer.Option(
              "--id", metavar="COLUMN", help="Of a table: the utterance's id. Columns are found by "
              "their usual names where they are not said.")] = None,
          reference: Annotated[list[str] | None, typer.Option(
              "--ref", metavar="COLUMN", help="Of a table: what was said; repeat it where several "
              "columns have a right text each.")] = None,
          heard: Annotated[list[str] | None, typer.Option(
              "--hyp", metavar="[NAME=]COLUMN",
              help="Of a table: what a system heard; repeat it for several systems.")] = None,
          speaker: Annotated[str | None, typer.Option(
              metavar="COLUMN", help="Of a table: who speaks.")] = None,
          speaker_pattern: Annotated[str | None, typer.Option(
              metavar="REGEX", help="Of a table: what at the beginning of an id, or its first "
              "group, names the speaker, such as '[^_]+'.")] = None,
          system: Annotated[str | None, typer.Option(
              metavar="COLUMN", help="Of a table with one row an utterance and system: the "
              "system.")] = None,
          count: Annotated[list[str] | None, typer.Option(
              metavar="KIND=COLUMN", help="Of a table without texts: the number of hits, "
              "substitutions, deletions, insertions or words. Repeatable.")] = None,
          audio: Annotated[str | None, typer.Option(
              metavar="COLUMN", help="Of a table: recordings that the page may play.")] = None,
          join: Annotated[list[str] | None, typer.Option(
              metavar="[COLUMN=]FILE", help="Add the columns of a table of speakers or utterances; "
              "COLUMN of it names them. Repeatable.")] = None,
          merge: Annotated[list[str] | None, typer.Option(
              metavar="'COLUMN: OLD=NEW, …'", help="Make labels one. Repeatable.")] = None,
          where: Annotated[list[str] | None, typer.Option(
              metavar="COLUMN=LABEL", help="Only utterances of that label; also !=, and <, <=, >, "
              ">= of numbers. Repeatable: all must hold.")] = None,
          canonical: Annotated[str | None, typer.Option(
              metavar="KIND,…", help="Bring labels into one form: gender, age, country, accent, or "
              "KIND=COLUMN; what was given is kept as COLUMN_as_given.")] = None,
          places: Annotated[str | None, typer.Option(
              metavar="CITY[,COUNTRY]", help="Columns that name places: adds latitude and "
              "longitude.")] = None,
          metric: Annotated[list[str] | None, typer.Option(
              metavar="NAME[:OPTION=VALUE]",
              help="Default: wer and cer (with mixed_error_rate where a few references are in "
                   "writing that does not part words by spaces, or it in place of wer where many "
                   "are), or those of the run. Repeatable.")] = None,
          form: Annotated[str | None, typer.Option(
              "--format", help="Of the transcripts: jsonl, tsv, csv, kaldi, trn, ctm or stm. "
                               "Default: what the suffix or the content tells.")] = None,
          id_key: Annotated[str | None, typer.Option(
              help="Of the transcripts: key or column of the utterance's id, where it is not a "
                   "usual one.")] = None,
          text_key: Annotated[str | None, typer.Option(
              help="Of the transcripts: key or column of what was heard, where it is not a usual "
                   "one.")] = None,
          outside: Annotated[bool, typer.Option(
              "--outside", help="Let the report play recordings outside the manifest's or table's "
              "folder.")] = False,
          normaliser: Annotated[list[str] | None, typer.Option(
              help="none, basic, basic_turkish or whisper_english, applied to both sides. Default: "
                   "basic, or that of the run. Repeatable: each after the first gives scores of "
                   "its own, such as wer@whisper_english.")] = None,
          costs: Annotated[str | None, typer.Option(
              help="Of the alignment: levenshtein, or sclite as NIST's scorer has it. Default: "
                   "levenshtein, or those of the run.")] = None,
          alternatives: Annotated[bool, typer.Option(
              "--alternatives", help="Read { a / b } and (word) in references as sclite does: one "
              "of several, and a word that may be missing; the reading with fewest errors counts.")
              ] = False,
          glm: Annotated[Path | None, typer.Option(
              help="NIST's global mapping file, whose rules rewrite both sides.")] = None,
          workers: Workers = None, shard: Shard = None, overwrite: Overwrite = False,
          max_failed: MaxFailed = MOST_FAILED) -> None:
    """Score hypotheses that were made elsewhere, or the outputs of a run anew. No model is run.

    Of a table every column that is not said to be something else is metadata to group by.

    Examples:

        evalkit score results.csv --id idx --ref reference --hyp prediction --speaker user_ids \\
            --out runs/v2 --report reports/v2

        evalkit score wide.csv --hyp base=col_a --hyp new=col_b --join speakers.csv --out runs/ab

        evalkit score --manifest test.jsonl --hypotheses v2.jsonl --out runs/v2

        evalkit score -m test.jsonl -y base=a.trn -y new=b.ctm -o runs/ab

        evalkit score runs/v2 --metric wer --metric cer --normaliser whisper_english
    """
    check_shard(shard, report)
    of_table = _said(id=identifier, reference=references_of(reference), speaker=speaker,
                     hypotheses=columns_of(heard), speaker_pattern=speaker_pattern, system=system,
                     audio=audio,
                     counts=dict(pair("--count", text) for text in _all(count)))
    labels = _said(join=[file_of(text) for text in _all(join)], merge=merge, where=where,
                   canonical=listed(canonical), places=listed(places))
    files = _said(form=form, id_key=id_key, text_key=text_key, outside=outside)
    hints = Hints()
    options = {"workers": processes(workers), "say": hints.say, **_said(
        metrics=metric, normaliser=normaliser, costs=costs, alternatives=alternatives, glm=glm)}
    given = _Given(_all(sources), manifest, hypotheses_of(_all(hypotheses)), out)
    if given.run is not None:
        if any((given.hypotheses, out, of_table, files, where, shard)):
            raise ConfigError("a run's own outputs are scored where they are: leave --hypotheses, "
                              "its options, --shard and --out away, or the run folder")
        folders = _anew(given.run, {"manifest": manifest, **labels, **options})
    else:
        further = {**options, **files, "overwrite": overwrite, "shard": shard}
        folders = {None: _made_elsewhere(given, of_table, labels, further)}
    if shard is not None:
        return show_shard(shard, folders)
    _tell(folders, hints, report, given)
    judge(folders, max_failed)


def _tell(folders: dict[str | None, RunFolder], hints: Hints, report: Path | None,
          given: _Given) -> None:
    """Prints the headline and what comes next, and writes the page where one is wanted."""
    show(folders)
    for line in (*hints.kept, *next_steps(folders, report)):
        say(line)
    if report is not None:
        print(api.report(given.run or folders[None].path, report))


def _anew(run: Path, options: dict[str, Any]) -> dict[str | None, RunFolder]:
    """Scores the outputs of a run, of every corpus of it, anew. Raises ConfigError for transcripts
    of one where it is of several."""
    from evalkit.store.delivery import changed

    say(f"evalkit {__version__}: scoring {named(run)} anew")
    with changed(run, say) as place:
        parts = api.run_folders(place)
        if options["manifest"] is not None and None not in parts:
            raise ConfigError(f"--manifest: {named(run)} is a run of several corpora; give the run "
                              f"folder of one of them: {', '.join(map(str, parts.values()))}")
        return {name: api.rescore(path, **options) for name, path in parts.items()}


def _said(**options: Any) -> dict[str, Any]:
    """Those of ``options`` that have a value."""
    return {name: value for name, value in options.items() if value}


def _all(values: list[str] | None) -> list[str]:
    """What was said of an option that may be repeated."""
    return values or []


class _Given(NamedTuple):
    """What is scored, and where to."""

    sources: list[str]
    manifest: Path | None
    hypotheses: dict[str, Path]
    out: Path | None

    @property
    def run(self) -> Path | None:
        """The run folder that is scored anew, where it is one."""
        if len(self.sources) != 1:
            return None
        path = Path(self.sources[0])
        is_table = path.is_file() or path.suffix or "=" in path.name
        return None if is_table and not path.is_dir() else path


def _made_elsewhere(given: _Given, columns: dict[str, Any], labels: dict[str, Any],
                    options: dict[str, Any]) -> RunFolder:
    """Scores tables, or files of hypotheses beside a manifest."""
    manifest, out = given.manifest, given.out
    if given.sources:
        return _tables_scored(given, columns, labels | options)
    if columns or labels:
        raise ConfigError("--id, --ref, --hyp, --join, --where and their like are for tables: "
                          "give the table, or the manifest, as the first word")
    if not (manifest and given.hypotheses and out):
        raise ConfigError("give a run folder to score anew, a table of results and --out, or "
                          "--manifest, --hypotheses and --out")
    say(f"evalkit {__version__}: {manifest}, {', '.join(given.hypotheses)} -> {named(out)}")
    return api.score(manifest, given.hypotheses, out, **options)


def _tables_scored(given: _Given, columns: dict[str, Any], options: dict[str, Any]
                   ) -> RunFolder:
    if given.manifest is not None:
        raise ConfigError("--manifest: the table has the utterances; leave one of them away")
    if given.out is None:
        raise ConfigError("--out: say which folder the run is written to")
    tables = tables_of(given.sources)
    files = [*map(str, tables.values()), *given.hypotheses]
    say(f"evalkit {__version__}: {', '.join(files)} -> {named(given.out)}")
    return api.score_tables(tables, given.out, hypotheses=given.hypotheses, columns=columns,
                            **options)
