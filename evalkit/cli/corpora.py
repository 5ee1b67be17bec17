"""Commands that make, import and check corpora: ``corpus synth``, ``sentences``, ``validate``,
``prepare``, ``words``, ``align``, ``sessions``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit.cli.options import (
    EXIT_CODES,
    INCOMPLETE,
    Command,
    Seed,
    Workers,
    not_of_a_run,
    pair,
    processes,
    say,
)

corpus = typer.Typer(no_args_is_help=True, help="Make, import and check corpora.")


@corpus.command(cls=Command, epilog=EXIT_CODES)
def synth(folder: Annotated[Path, typer.Argument(help="Folder with corpus.yaml.")],
          split: Annotated[list[str] | None, typer.Option(
              help="Only this split. Repeatable.")] = None,
          workers: Workers = None) -> None:
    """Synthesise the corpus that corpus.yaml describes, the same bytes from the same seed.

    Examples:

        evalkit corpus synth datasets/accents

        evalkit corpus synth datasets/accents --split test
    """
    from evalkit.corpora.synthesis.config import CONFIG, read_synth_config
    from evalkit.corpora.synthesis.corpus import synthesise

    say(f"synthesising {folder}")
    manifests = synthesise(read_synth_config(folder / CONFIG), folder, splits=split or (),
                           workers=processes(workers))
    for path in manifests.values():
        print(path)


@corpus.command(cls=Command, epilog=EXIT_CODES)
def sentences(folder: Annotated[Path, typer.Argument(help="Folder with corpus.yaml.")],
              count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")],
              out: Annotated[Path, typer.Option(
                  "--out", "-o", callback=not_of_a_run, help="File to write, a sentence a line.")],
              besides: Annotated[list[Path] | None, typer.Option(
                  help="Folder of a corpus that is not to say them either. Repeatable.")] = None,
              reuse: Annotated[list[str] | None, typer.Option(
                  metavar="SPLIT", help="Split that may say them. Repeatable.")] = None,
              seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0) -> None:
    """Write sentences of a synthetic corpus's grammar that it does not say, in any of its splits:
    text for a language model.

    Names that the corpus holds out are in none of them.

    Example:

        evalkit corpus sentences datasets/requests --count 9000 --reuse survey -o sentences.txt
    """
    from evalkit.core.files import write
    from evalkit.corpora.synthesis.config import CONFIG, read_synth_config
    from evalkit.corpora.synthesis.texts import other_sentences

    config, *others = (read_synth_config(each / CONFIG) for each in (folder, *(besides or ())))
    texts = other_sentences(config, count, seed, others, reuse or ())
    write(out, "".join(f"{text}\n" for text in texts))


@corpus.command(cls=Command, epilog=EXIT_CODES)
def validate(manifest: Annotated[Path, typer.Argument(help="A manifest, JSONL.")],
             outside: Annotated[bool, typer.Option(
                 help="Allow audio outside the manifest's folder.")] = False) -> None:
    """Check every line of a manifest and read every recording that it names, as a run would.

    A recording must be a file, in a format that is read, and whole: as long as its own header and
    the manifest's offset and duration say. Exit code 2 where anything is wrong.

    Example:

        evalkit corpus validate datasets/accents/test.jsonl
    """
    say(f"checking {manifest}")
    from evalkit.corpora.validate import validate as check

    result = check(manifest, outside=outside, say=say)
    print(result.describe())
    if not result.manifest.utterances:
        say(f"error: {manifest}: holds no utterance that can be used")
    if result.problems or not result.manifest.utterances:
        raise typer.Exit(INCOMPLETE)


def _layouts() -> str:
    from evalkit.core.plugins import available

    return f"One of {', '.join(available('corpora'))}."


@corpus.command(cls=Command, epilog=EXIT_CODES)
def prepare(kind: Annotated[str, typer.Argument(help=_layouts())],
            source: Annotated[Path, typer.Argument(help="Where the corpus is.")],
            out: Annotated[Path, typer.Option(
                "--out", "-o", callback=not_of_a_run, help="Manifest to write.")],
            column: Annotated[list[str] | None, typer.Option(
                metavar="FIELD=NAME", help="For a table: which column is which field.")] = None,
            setting: Annotated[list[str] | None, typer.Option(
                "--set", metavar="OPTION=VALUE", help="Another option of the reader.")] = None,
            ) -> None:
    """Make a manifest of a corpus in another layout; its audio stays where it is.

    Examples:

        evalkit corpus prepare librispeech LibriSpeech/test-other --out test-other.jsonl

        evalkit corpus prepare table results.csv --column id=idx --column text=reference -o m.jsonl
    """
    say(f"importing {source} as {kind}")
    from evalkit.corpora.prepare import prepare as import_corpus

    columns = dict(pair("--column", text) for text in column or ())
    options = dict(pair("--set", text) for text in setting or ())
    print(import_corpus(kind, source, out, columns | options).describe())


@corpus.command(cls=Command, epilog=EXIT_CODES)
def words(manifest: Annotated[Path, typer.Argument(help="A manifest, JSONL.")],
          source: Annotated[Path, typer.Argument(
              help="A CTM, a TextGrid of Praat, or a folder of TextGrids.")],
          out: Annotated[Path, typer.Option(
              "--out", "-o", callback=not_of_a_run, help="Manifest to write.")],
          tier: Annotated[str | None, typer.Option(
              help="The tier of words in TextGrids; by default the one called words.")] = None,
          ) -> None:
    """Put the times of words of another tool's files into a manifest.

    A file is found by the utterance's id, and then times count from its beginning, or by the name
    of its recording, and then from the recording's.

    Examples:

        evalkit corpus words test.jsonl test.ctm --out timed.jsonl

        evalkit corpus words test.jsonl aligned/ --tier "ann - words" --out timed.jsonl
    """
    from evalkit.corpora.timing.timed import joined

    print(joined(manifest, source, out, tier=tier).describe())


@corpus.command(cls=Command, epilog=EXIT_CODES)
def align(manifest: Annotated[Path, typer.Argument(help="A manifest, JSONL, of English.")],
          out: Annotated[Path, typer.Option(
              "--out", "-o", callback=not_of_a_run, help="Manifest to write.")],
          outside: Annotated[bool, typer.Option(
              help="Allow audio outside the manifest's folder.")] = False) -> None:
    """Find the times of words by forced alignment with pocketsphinx, for a manifest that has none.

    They are off by some 10 ms for half of the words, and by 100 and more for a few
    (docs/streaming.md); the manifest says so wherever they are used.

    Example:

        evalkit corpus align test.jsonl --out timed.jsonl
    """
    from evalkit.corpora.timing.timed import aligned

    say(f"aligning {manifest}")
    print(aligned(manifest, out, outside=outside, say=say).describe())


@corpus.command(cls=Command, epilog=EXIT_CODES)
def overlaps(manifest: Annotated[Path, typer.Argument(help="A manifest, JSONL.")],
             out: Annotated[Path, typer.Option(
                 "--out", "-o", callback=not_of_a_run,
                 help="Folder to write overlaps.jsonl, the reference and audio/ into.")],
             overlap: Annotated[list[float] | None, typer.Option(
                 metavar="SHARE", help="Of the time in which anybody speaks, in how much both do; "
                 "sessions take these in turn. Default: 0, 0.1, 0.2, 0.3, 0.4. Repeatable.")
                 ] = None,
             pause: Annotated[float, typer.Option(
                 min=0, max=60, help="Seconds between two speakers who do not overlap.")] = 0.3,
             seed: Seed = 0,
             outside: Annotated[bool, typer.Option(
                 help="Allow audio outside the manifest's folder.")] = False) -> None:
    """Mix utterances of two speakers each, who speak at once for a part of the time.

    The reference is written as SegLST, STM and, where word times are known, CTM.

    Example:

        evalkit corpus overlaps test.jsonl --out pairs --overlap 0 --overlap 0.2
    """
    from evalkit.corpora.overlaps import LEVELS, make_overlaps

    print(make_overlaps(manifest, out, levels=overlap or LEVELS, pause=pause, seed=seed,
                        outside=outside).describe())


@corpus.command(cls=Command, epilog=EXIT_CODES)
def sessions(manifests: Annotated[list[Path], typer.Argument(
                 metavar="MANIFEST...", help="Manifests, such as one a language.")],
             out: Annotated[Path, typer.Option(
                 "--out", "-o", callback=not_of_a_run,
                 help="Folder to write sessions.jsonl and audio/ into.")],
             per_session: Annotated[int, typer.Option(
                 help="Utterances of a session, of one speaker each.")] = 2,
             pause: Annotated[float, typer.Option(
                 min=0, max=60, help="Seconds between two utterances.")] = 0.5,
             language: Annotated[list[str] | None, typer.Option(
                 help="The language of a manifest, one for each, in their order; by default each "
                      "utterance's own, under the key language. Repeatable.")] = None,
             seed: Seed = 0,
             outside: Annotated[bool, typer.Option(
                 help="Allow audio outside the manifests' folders.")] = False) -> None:
    """Join utterances of several speakers, or in several languages, into one recording each.

    The manifests take turns. Word times are carried over, and the language of every word.

    Example:

        evalkit corpus sessions en/test.jsonl es/test.jsonl --language en --language es --out both
    """
    from evalkit.corpora.sessions import make_sessions

    print(make_sessions(manifests, out, per_session=per_session, pause=pause, seed=seed,
                        languages=language or (), outside=outside).describe())
