"""Commands that make a run folder: ``run`` and ``score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit import __version__, api
from evalkit.cli.options import MOST_FAILED, MaxFailed, Out, Overwrite, Workers, processes, say
from evalkit.cli.outcome import finish
from evalkit.core.errors import ConfigError


def run(config: Annotated[Path, typer.Argument(help="eval.yaml")], out: Out,
        workers: Workers = None,
        settings: Annotated[list[str] | None, typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the configuration.")] = None,
        scheduler: Annotated[str | None, typer.Option(
            help="Address of a Dask scheduler, instead of processes here.")] = None,
        prune: Annotated[bool, typer.Option(
            "--prune", help="Remove what earlier configurations left in the folder.")] = False,
        outside: Annotated[bool, typer.Option(
            "--outside", help="Allow audio outside the corpus folder: `outside: true`.")] = False,
        overwrite: Overwrite = False, max_failed: MaxFailed = MOST_FAILED) -> None:
    """Run pipelines over a corpus under conditions, and score every utterance.

    A run that was stopped goes on where it was when it is started again.

    Examples:

        evalkit run eval.yaml --out runs/v2

        evalkit run eval.yaml --out runs/v2 --set seed=3 --set conditions.1.snr_db=10
    """
    say(f"evalkit {__version__}: {config} -> {out}")
    settings = [*(settings or ()), *(["outside=true"] if outside else ())]
    finish(api.run(config, out, settings=settings, workers=processes(workers),
                   scheduler=scheduler, prune=prune, overwrite=overwrite, say=say), max_failed)


def score(folder: Annotated[Path | None, typer.Argument(
              metavar="[RUN]", help="A run folder, whose own outputs are scored anew.")] = None,
          manifest: Annotated[Path | None, typer.Option(
              "--manifest", "-m", help="The utterances; of a run, with corrected transcripts.")
              ] = None,
          hypotheses: Annotated[list[str] | None, typer.Option(
              "--hypotheses", "-y", metavar="[NAME=]FILE",
              help="Transcripts of a system; repeat it for several systems.")] = None,
          out: Annotated[Path | None, typer.Option(
              "--out", "-o", help="Folder to write; a run is scored where it is.")] = None,
          metric: Annotated[list[str] | None, typer.Option(
              metavar="NAME[:OPTION=VALUE]",
              help="Default: wer and cer (with mixed_error_rate where a few references are in "
                   "writing that does not part words by spaces, or it in place of wer where many "
                   "are), or those of the run. Repeatable.")] = None,
          form: Annotated[str | None, typer.Option(
              "--format", help="Of the transcripts: jsonl, tsv, csv, kaldi, trn, ctm or stm. "
                               "Default: what the suffix or the content tells.")] = None,
          id_key: Annotated[str | None, typer.Option(
              help="Key or column of the utterance's id, where it is not a usual one.")] = None,
          text_key: Annotated[str | None, typer.Option(
              help="Key or column of what was heard, where it is not a usual one.")] = None,
          outside: Annotated[bool, typer.Option(
              "--outside", help="Let the report play recordings outside the manifest's folder.")
              ] = False,
          normaliser: Annotated[list[str] | None, typer.Option(
              help="none, basic, basic_turkish or whisper_english, applied to both sides. Default: "
                   "basic, or that of the run. Repeatable: each after the first gives scores of "
                   "its own, such as wer@whisper_english.")] = None,
          costs: Annotated[str | None, typer.Option(
              help="Of the alignment: levenshtein, or sclite as NIST's scorer has it. Default: "
                   "levenshtein, or those of the run.")] = None,
          workers: Workers = None, overwrite: Overwrite = False,
          max_failed: MaxFailed = MOST_FAILED) -> None:
    """Score hypotheses that were made elsewhere, or the outputs of a run anew. No model is run.

    Examples:

        evalkit score --manifest test.jsonl --hypotheses v2.jsonl --out runs/v2

        evalkit score -m test.jsonl -y base=a.trn -y new=b.ctm -o runs/ab

        evalkit score runs/v2 --metric wer --metric cer --normaliser whisper_english
    """
    if folder is not None:
        if any((hypotheses, out, form, id_key, text_key, outside)):
            raise ConfigError("a run's own outputs are scored where they are: leave --hypotheses, "
                              "its options and --out away, or the run folder")
        say(f"evalkit {__version__}: scoring {folder} anew")
        return finish(api.rescore(folder, metrics=metric or (), normaliser=normaliser,
                                  costs=costs, manifest=manifest, workers=processes(workers),
                                  say=say), max_failed)
    if not (manifest and hypotheses and out):
        raise ConfigError("give a run folder to score anew, or --manifest, --hypotheses and --out")
    files = _named(hypotheses)
    say(f"evalkit {__version__}: {manifest}, {', '.join(files)} -> {out}")
    finish(api.score(manifest, files, out, metrics=metric or (),
                     normaliser=normaliser or "basic", costs=costs or "levenshtein", form=form,
                     id_key=id_key, text_key=text_key, outside=outside,
                     workers=processes(workers), overwrite=overwrite, say=say), max_failed)


def _named(hypotheses: list[str]) -> dict[str, Path]:
    """The files of ``--hypotheses`` by the names of their systems."""
    files: dict[str, Path] = {}
    for item in hypotheses:
        name, separator, path = item.partition("=")
        if not separator or Path(item).is_file():
            name, path = Path(item).stem, item
        _check_hypotheses(item, name, path)
        if name in files:
            raise ConfigError(f"--hypotheses {item}: {name!r} is named twice; write NAME={path}")
        files[name] = Path(path)
    return files


def _check_hypotheses(item: str, name: str, path: str) -> None:
    from evalkit.core.mistakes import NAME, NAME_FORM

    if not NAME.fullmatch(name):
        raise ConfigError(f"--hypotheses {item}: {name!r} cannot be the name of a system: it "
                          f"{NAME_FORM}; write NAME=FILE")
    if not path or Path(path).is_dir():
        raise ConfigError(f"--hypotheses {item}: {path!r} is not a file; write NAME=FILE")
