"""The command line: parse, one library call, print."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from evalkit import __version__
from evalkit.core.errors import ConfigError, EvalkitError, one_line

if TYPE_CHECKING:
    from evalkit.store.runfolder import RunFolder

INCOMPLETE = 2
"""Exit code of misuse, of defects, and of a run in which nothing could be measured."""
TRACEBACK = "EVALKIT_TRACEBACK"
"""Environment variable with which a defect shows its traceback."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Evaluate speech systems, find whom they serve badly, and show it.",
                  context_settings={"help_option_names": ["-h", "--help"]})
corpus = typer.Typer(no_args_is_help=True, help="Make, import and check corpora.")
train = typer.Typer(no_args_is_help=True, help="Train the reference models.")
baseline = typer.Typer(no_args_is_help=True, help="Keep what a later version is compared with.")
export = typer.Typer(no_args_is_help=True, help="Hand results to other tools.")
app.add_typer(corpus, name="corpus")
app.add_typer(train, name="train")
app.add_typer(baseline, name="baseline")
app.add_typer(export, name="export")

Workers = Annotated[int | None, typer.Option(
    "--workers", "-j", min=0, help="Processes; 0 works in this one. Default: one a core.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")]


def main() -> None:
    """Entry point: a mistake of the user's and a defect are one line and exit code 2. Exit code 1
    is a regression that `evalkit compare` found, and nothing else."""
    try:
        app()
    except EvalkitError as error:
        _stop(str(error))
    except SystemExit as end:
        subject = isinstance(end.__context__, typer.Exit)
        raise SystemExit(INCOMPLETE if end.code == 1 and not subject else end.code) from None
    except Exception as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        _stop(f"internal error: {type(error).__name__}: {error}; please report it, with "
              f"{TRACEBACK}=1 for the whole of it")


def _stop(message: str) -> NoReturn:
    """Says why on one line, whatever names are in it."""
    say(f"error: {' '.join(map(one_line, message.split()))}")
    raise SystemExit(INCOMPLETE) from None


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
             ) -> None:
    if version:
        print(f"evalkit {__version__}")
        raise typer.Exit


@app.command()
def run(config: Annotated[Path, typer.Argument(help="eval.yaml")], out: Out,
        workers: Workers = None,
        settings: Annotated[list[str] | None, typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the configuration.")] = None,
        scheduler: Annotated[str | None, typer.Option(
            help="Address of a Dask scheduler, instead of processes here.")] = None,
        prune: Annotated[bool, typer.Option(
            "--prune", help="Remove kept outputs that this configuration does not use.")] = False,
        ) -> None:
    """Run pipelines over a corpus under conditions, and score every utterance.

    A run that was stopped goes on where it was when it is started again.

    Examples:

        evalkit run eval.yaml --out runs/v2

        evalkit run eval.yaml --out runs/v2 --set seed=3 --set conditions.1.snr_db=10
    """
    say(f"evalkit {__version__}: {config} -> {out}")
    from evalkit.core.config import read_config
    from evalkit.run.runner import Work
    from evalkit.run.runner import run as run_pipelines

    folder = run_pipelines(read_config(config, settings or ()), out,
                           Work(cores() if workers is None else workers, scheduler), say=say,
                           prune=prune)
    _finish(folder)


@app.command()
def score(run: Annotated[Path | None, typer.Argument(
              help="A run folder, whose own outputs are scored anew.")] = None,
          manifest: Annotated[Path | None, typer.Option(
              "--manifest", "-m", help="The utterances; of a run, with corrected transcripts.")
              ] = None,
          hypotheses: Annotated[list[str] | None, typer.Option(
              "--hypotheses", "-y", metavar="[NAME=]FILE",
              help="JSONL, TSV, Kaldi text or sclite trn; repeat it for several systems.")] = None,
          out: Annotated[Path | None, typer.Option(
              "--out", "-o", help="Folder to write; a run is scored where it is.")] = None,
          metric: Annotated[list[str] | None, typer.Option(
              help="Default: wer and cer, or those of the run. Repeatable.")] = None,
          normaliser: Annotated[str | None, typer.Option(
              help="none, basic or whisper_english, applied to both sides. Default: basic, or that "
                   "of the run.")] = None,
          costs: Annotated[str | None, typer.Option(
              help="Of the alignment: levenshtein, or sclite as NIST's scorer has it. Default: "
                   "levenshtein, or those of the run.")] = None,
          workers: Workers = None) -> None:
    """Score hypotheses that were made elsewhere, or the outputs of a run anew. No model is run.

    Examples:

        evalkit score --manifest test.jsonl --hypotheses v2.jsonl --out runs/v2

        evalkit score -m test.jsonl -y base=a.trn -y new=b.trn -o runs/ab

        evalkit score runs/v2 --metric wer --metric cer --normaliser whisper_english
    """
    if run is not None:
        if hypotheses or out:
            raise ConfigError("a run's own outputs are scored where they are: leave --hypotheses "
                              "and --out away, or the run folder")
        from evalkit.run.rescore import rescore

        return _finish(rescore(run, metrics=metric or (), normaliser=normaliser, costs=costs,
                               manifest=manifest, say=say,
                               workers=cores() if workers is None else workers))
    if not (manifest and hypotheses and out):
        raise ConfigError("give a run folder to score anew, or --manifest, --hypotheses and --out")
    from evalkit.run.given import score as score_hypotheses

    _finish(score_hypotheses(manifest, _named(hypotheses), out, metrics=metric or ["wer", "cer"],
                             normaliser=normaliser or "basic", costs=costs or "levenshtein",
                             say=say))


@app.command()
def report(runs: Annotated[list[Path], typer.Argument(
               help="Run folders, the oldest first: the last is reported, beside the others.")],
           out: Out,
           by: Annotated[str | None, typer.Option(
               help="Metadata column to group speakers by.")] = None,
           markdown: Annotated[Path | None, typer.Option(
               help="File to write a summary into, for a pull request.")] = None) -> None:
    """Write a run as one folder of static HTML.

    Examples:

        evalkit report runs/v2 --out reports/v2 --by accent

        evalkit report runs/v1 runs/v2 --out reports/v2 --markdown summary.md
    """
    from evalkit.report import write_report

    print(write_report(runs[-1], out, by=by, earlier=runs[:-1], markdown=markdown))


Pipeline = Annotated[str | None, typer.Option(help="One pipeline; default: every one.")]
ConditionName = Annotated[str | None, typer.Option(
    "--condition", help="One condition; default: all, pooled.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def groups(run: Annotated[Path, typer.Argument(help="A run folder.")],
           by: Annotated[list[str], typer.Option(
               help="Metadata column; columns joined by commas are crossed. Repeatable.")],
           metric: Annotated[str, typer.Option(
               help="Any additive metric of the run, or eer of speaker verification.")] = "wer",
           pipeline: Pipeline = None, condition: ConditionName = None, seed: Seed = 0,
           as_json: Json = False) -> None:
    """Compare groups of speakers: intervals, tests, and gaps adjusted for what else differs.

    With --metric eer: each group's own equal error rate, and how often it is rejected and accepted
    wrongly at the one threshold that everybody gets, under each condition.

    Examples:

        evalkit groups runs/v2 --by gender --by country

        evalkit groups runs/v2 --by gender,accent --metric cer --json

        evalkit groups runs/v2 --by gender --metric eer
    """
    from evalkit.statistics.run_statistics import group_reports, verification_reports
    from evalkit.terminal import print_groups, print_json, print_verification

    folder, columns = _opened(run), [column.split(",") for column in by]
    if metric == "eer":
        verified = verification_reports(folder, columns, pipeline=pipeline, condition=condition,
                                        seed=seed)
        if as_json:
            return print_json([report.to_dict() for report in verified])
        return print_verification(verified)
    reports = group_reports(folder, columns, metric=metric, pipeline=pipeline,
                            condition=condition, seed=seed)
    if as_json:
        return print_json([report.to_dict() for report in reports])
    print_groups(reports, folder.record().metrics[metric])


@app.command()
def cohorts(run: Annotated[Path, typer.Argument(help="A run folder.")],
            finder: Annotated[list[str] | None, typer.Option(
                help="tree, geodemographic, clusters, predicted, declared, slices; default: all "
                     "that the run has the data for. Repeatable.")] = None,
            metric: Annotated[str, typer.Option(
                help="Any additive metric, or false_rejects of speaker verification.")] = "wer",
            pipeline: Pipeline = None, condition: ConditionName = None,
            postcodes: Annotated[Path | None, typer.Option(
                help="Table of postal codes with population attributes, CSV.")] = None,
            seed: Seed = 0, as_json: Json = False) -> None:
    """Discover underserved cohorts on half of the speakers, and confirm them on the other half.

    Examples:

        evalkit cohorts runs/v2

        evalkit cohorts runs/v2 --finder tree --metric stoi --condition babble_5db
    """
    say(f"looking for underserved cohorts in {run}")
    from evalkit.cohorts.discovery import Settings, discover
    from evalkit.cohorts.findings import describe, write_discovery
    from evalkit.core.plugins import create
    from evalkit.statistics.bootstrap import Resampling
    from evalkit.terminal import line, print_json, print_table

    folder = _opened(run)
    discovery = discover(
        folder, metric=metric, pipeline=pipeline, condition=condition,
        finders=[create("cohorts", name) for name in finder] if finder else None,
        postcodes=postcodes, settings=Settings(resampling=Resampling(seed=seed)))
    write_discovery(folder, discovery)
    findings = discovery.findings
    if as_json:
        print_json(findings.to_dict())
        return
    print_table(*describe(findings))
    for name, why in findings.skipped.items():
        print(line(f"not run: {name}: {why}"))
    for warning in findings.warnings:
        print(line(f"note: {warning}"))


@app.command()
def mitigate(config: Annotated[Path, typer.Argument(help="mitigate.yaml")],
             out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write into.")],
             workers: Workers = None) -> None:
    """Train again for the cohorts that are served worst; compare before and after.

    An experiment that was stopped goes on where it was when it is started again.

    Example:

        evalkit mitigate mitigate.yaml --out runs/v2
    """
    say(f"evalkit {__version__}: {config} -> {out}")
    from evalkit.mitigation.experiment import read_mitigation_config, run_mitigation
    from evalkit.store.runfolder import RunFolder
    from evalkit.terminal import print_mitigation

    paths = run_mitigation(read_mitigation_config(config), out, say=say,
                           workers=cores() if workers is None else workers)
    results = RunFolder(out).mitigations()
    for path in paths:
        print_mitigation(path.parent.name, results[path.parent.name])


@app.command()
def systems(run: Annotated[Path, typer.Argument(help="A run folder.")],
            metric: Annotated[str, typer.Option(help="Any additive metric of the run.")] = "wer",
            condition: ConditionName = None, seed: Seed = 0, as_json: Json = False) -> None:
    """Compare the pipelines of a run two by two, on the same utterances.

    The speaker bootstrap decides; matched pairs (MAPSSWE), Wilcoxon over speakers and McNemar
    over sentences stand beside it.

    Example:

        evalkit systems runs/ab
    """
    from evalkit.statistics.groups import plain_data
    from evalkit.statistics.run_statistics import compare_pipelines
    from evalkit.terminal import print_json, print_systems

    folder = _opened(run)
    facts = folder.record().metrics
    found = compare_pipelines(folder, metric=metric, condition=condition, seed=seed)
    if not found:
        raise ConfigError(f"{run}: one pipeline only has {metric}, two are needed; score both into "
                          "one run folder, or use `evalkit compare` for two")
    if as_json:
        print_json(plain_data(found))
        return
    print_systems(found, facts[metric])


@app.command()
def compare(base: Annotated[Path, typer.Argument(help="A run folder or a frozen baseline.")],
            candidate: Annotated[Path, typer.Argument(help="A run folder.")],
            gates: Annotated[Path | None, typer.Option(
                help="gates.yaml; default: no significant change for the worse in any metric "
                     "as a whole.")] = None,
            by: Annotated[list[str] | None, typer.Option(
                help="Show the groups of this column too, or of cohorts.FINDER. Repeatable.")
                ] = None,
            junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.")] = None,
            markdown: Annotated[Path | None, typer.Option(help="Write Markdown.")] = None,
            json: Annotated[Path | None, typer.Option(help="Write JSON.")] = None,
            github: Annotated[bool, typer.Option(
                "--github", help="Print annotations for GitHub Actions.")] = False,
            seed: Seed = 0) -> None:
    """Compare a version with an older one. Exit code 0: pass, 1: regression, 2: incomplete.

    Examples:

        evalkit compare runs/v1 runs/v2

        evalkit compare baseline.json.gz runs/v2 --gates gates.yaml --junit j.xml --github
    """
    from evalkit.compare import formats
    from evalkit.compare.comparison import compare as compare_runs
    from evalkit.compare.gates import read_gates
    from evalkit.terminal import print_table

    found = compare_runs(base, candidate, read_gates(gates) if gates else None, by or (), seed)
    for path, text in ((junit, formats.junit), (markdown, formats.markdown)):
        if path is not None:
            _write(path, text(found))
    if json is not None:
        found.write(json)
    print_table(formats.COLUMNS, formats.rows(found))
    for line in found.problems:
        print(f"problem: {line}")
    for line in found.notes:
        print(f"note: {line}")
    print(formats.headline(found))
    if github:
        print(*formats.github(found), sep="\n")
    raise typer.Exit(found.exit_code)


@baseline.command()
def freeze(run: Annotated[Path, typer.Argument(help="A run folder.")],
           out: Annotated[Path, typer.Option(
               "--out", "-o", help="File to write, JSON; compressed where it ends in .gz.")],
           by: Annotated[list[str] | None, typer.Option(
               help="Keep the groups of this column too: metadata columns joined by commas are "
                    "crossed, cohorts.FINDER are found ones. Repeatable.")] = None) -> None:
    """Keep a run's sums of every speaker in a small file, without audio and text.

    Example:

        evalkit baseline freeze runs/v1 --out baseline.json.gz
    """
    from evalkit.compare.baseline import freeze as freeze_run
    from evalkit.compare.baseline import write_baseline
    from evalkit.store.runfolder import RunFolder
    from evalkit.terminal import line

    frozen = freeze_run(RunFolder(run), more=by or ())
    write_baseline(frozen, out)
    print(line(f"{out}: {len({block.name for block in frozen.blocks})} speakers, groups by "
               f"{', '.join(frozen.columns) or 'nothing'}"))


@app.command()
def history(runs: Annotated[list[Path], typer.Argument(help="Run folders or baselines.")],
            metric: Annotated[list[str] | None, typer.Option(
                help="Default: every headline metric. Repeatable.")] = None,
            out: Annotated[Path | None, typer.Option(
                "--out", "-o", help="Write a page (.html) or its figure (.svg).")] = None) -> None:
    """Show metrics over versions, old to new, with intervals over speakers.

    Example:

        evalkit history runs/v1 runs/v2 --metric wer --out history.html
    """
    from evalkit.compare import history as versions
    from evalkit.terminal import print_table

    table, facts = versions.history(runs, metric or ())
    print_table(versions.HEAD, versions.cells(table, facts))
    if out is not None:
        from evalkit.compare.history_page import write_history

        write_history(table, facts, out)
        print(out)


@export.command()
def mlflow(run: Annotated[Path, typer.Argument(help="A run folder.")],
           uri: Annotated[str, typer.Option(help="Of the tracking store, such as file:mlruns.")],
           experiment: Annotated[str, typer.Option(help="Name of the experiment.")] = "evalkit",
           ) -> None:
    """Log a run's headline values with MLflow (extra: mlflow).

    Example:

        evalkit export mlflow runs/v2 --uri file:mlruns
    """
    from evalkit.compare.tracking import export_mlflow

    print(f"MLflow run {export_mlflow(run, uri, experiment)} in {uri}")


@corpus.command()
def synth(folder: Annotated[Path, typer.Argument(help="Folder with corpus.yaml.")],
          split: Annotated[list[str] | None, typer.Option(
              help="Only this split. Repeatable.")] = None,
          workers: Workers = None) -> None:
    """Synthesise the corpus that corpus.yaml describes, the same bytes from the same seed.

    Examples:

        evalkit corpus synth datasets/accents

        evalkit corpus synth datasets/accents --split test
    """
    from evalkit.corpora.synthesis.corpus import read_synth_config, synthesise

    say(f"synthesising {folder}")
    manifests = synthesise(read_synth_config(folder / "corpus.yaml"), folder, splits=split or (),
                           workers=cores() if workers is None else workers)
    for path in manifests.values():
        print(path)


@corpus.command()
def validate(manifest: Annotated[Path, typer.Argument(help="A manifest, JSONL.")],
             outside: Annotated[bool, typer.Option(
                 help="Allow audio outside the manifest's folder.")] = False) -> None:
    """Check every line of a manifest and every recording that it names.

    Example:

        evalkit corpus validate datasets/accents/test.jsonl
    """
    from evalkit.corpora.validate import validate as check

    result = check(manifest, outside=outside)
    print(result.describe())
    if result.problems:
        raise typer.Exit(INCOMPLETE)


@corpus.command()
def prepare(kind: Annotated[str, typer.Argument(help="librispeech, kaldi, common_voice, table.")],
            source: Annotated[Path, typer.Argument(help="Where the corpus is.")],
            out: Annotated[Path, typer.Option("--out", "-o", help="Manifest to write.")],
            column: Annotated[list[str] | None, typer.Option(
                metavar="FIELD=NAME", help="For a table: which column is which field.")] = None,
            ) -> None:
    """Make a manifest of a corpus in another layout; its audio stays where it is.

    Examples:

        evalkit corpus prepare librispeech LibriSpeech/test-other --out test-other.jsonl

        evalkit corpus prepare table results.csv --column id=idx --column text=reference -o m.jsonl
    """
    from evalkit.corpora.prepare import prepare as import_corpus

    print(import_corpus(kind, source, out, dict(_pair("--column", c) for c in column or ()))
          .describe())


@train.command()
def recognizer(corpus_folder: Annotated[Path, typer.Argument(
                   metavar="CORPUS", help="Folder with train.jsonl, dev.jsonl and test.jsonl.")],
               out: Out, seed: Seed = 0) -> None:
    """Train the reference recognizer and write its weights and card.

    Example:

        evalkit train recognizer datasets/accents --out runs/recognizer
    """
    say(f"training the reference recognizer on {corpus_folder}")
    from evalkit.training.model_card import train_reference

    def show(epoch: int, epochs: int, loss: float, seconds: float) -> None:
        say(f"epoch {epoch}/{epochs}: {loss:.3f} nats a character on dev, {seconds:.0f} s, "
            f"{seconds / epoch * (epochs - epoch):.0f} s left")

    card = train_reference(corpus_folder, out, seed=seed, workers=min(2, cores()), progress=show)
    print(card.markdown())


@train.command()
def pronunciation(manifest: Annotated[Path, typer.Argument(help="Speech to fit it to.")],
                  folder: Annotated[Path, typer.Argument(
                      help="Holds recognizer.safetensors; pronunciation.safetensors is written.")],
                  ) -> None:
    """Fit the pronunciation encoder to a recognizer. No label is read.

    Example:

        evalkit train pronunciation datasets/accents/train.jsonl runs/recognizer
    """
    say(f"fitting the pronunciation encoder to {folder} on {manifest}")
    from evalkit.models.ctc.network import CtcRecognizer
    from evalkit.models.pronunciation.encoder import RECOGNIZER, fit
    from evalkit.training.from_scratch import reference_recordings

    waves = (recording.wave for recording in reference_recordings(manifest))
    fit(CtcRecognizer.load(folder / RECOGNIZER), waves).save(folder)


@app.command()
def doctor() -> None:
    """Show which plug-ins are installed and whether each can run here."""
    from evalkit.core.plugins import GROUPS, available, load

    for group in GROUPS:
        for name in available(group):
            try:
                load(group, name)
                state = "ok"
            except EvalkitError as error:
                state = str(error)
            print(f"{group:21} {name:20} {state}")


def _opened(run: Path) -> RunFolder:
    """Raises RunError where ``run`` is no run folder."""
    from evalkit.store.runfolder import RunFolder

    folder = RunFolder(run)
    folder.record()
    return folder


def _write(path: Path, text: str) -> None:
    from evalkit.core.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def say(line: str) -> None:
    """A line for a person, beside what a script reads."""
    print(line, file=sys.stderr, flush=True)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pair(option: str, text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise ConfigError(f"{option} {text!r}: expected two names with = between them")
    return key, value


def _named(hypotheses: list[str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for item in hypotheses:
        name, separator, path = item.partition("=")
        if not separator or Path(item).is_file():
            name, path = Path(item).stem, item
        _check_hypotheses(item, name, path)
        if name in named:
            raise ConfigError(f"--hypotheses {item}: {name!r} is named twice; write NAME={path}")
        named[name] = Path(path)
    return named


def _check_hypotheses(item: str, name: str, path: str) -> None:
    from evalkit.core.config import NAME

    if not NAME.fullmatch(name):
        raise ConfigError(f"--hypotheses {item}: {name!r} cannot be the name of a system: it may "
                          "hold letters, digits and . _ + -, at most 64, and begins with a letter "
                          "or digit; write NAME=FILE")
    if not path or Path(path).is_dir():
        raise ConfigError(f"--hypotheses {item}: {path!r} is not a file; write NAME=FILE")


def _finish(folder: RunFolder) -> None:
    """Prints the headline of a run, and says what was left out and what failed."""
    from evalkit.terminal import line, print_summary

    record, summary = folder.record(), folder.summary()
    print_summary(summary, record.metrics)
    for lost in record.left_out:
        say(line(f"left out: {lost}"))
    say(f"run folder: {folder.path}")
    if not any(row.n for row in (*summary.scores, *summary.trials)):
        why = "the failures above say why" if summary.failures else (
            "no metric of the run is one of its pipelines")
        say(f"error: nothing could be measured; {why}")
        raise typer.Exit(INCOMPLETE)
