"""Lattices of a run's recognizers, by the command line: written, rescored and scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evalkit.metrics.lattice_files import lattices_at
from evalkit.models.language.search import Weights, compose
from evalkit.run.runner import run
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.models.test_language_models import KENLM
from tests.models.test_rescoring import MODELS
from tests.run.runs import config

pytestmark = pytest.mark.usefixtures("outside")
LM = KENLM / "requests.arpa"


def some(corpus: Path, *rows: int, **changes: object) -> Path:
    """A manifest of these rows of ``corpus`` beside it."""
    known = [json.loads(line) for line in corpus.read_text().splitlines()]
    write_manifest(corpus.parent / "some.jsonl", [known[n] | changes for n in rows])
    return corpus.parent / "some.jsonl"


def test_a_runs_transducer_is_rescored_by_the_command_line(tiny_corpus: Path) -> None:
    """From the run to the score, in noise, as docs/rescoring.md shows."""
    folder = tiny_corpus.parent
    some(tiny_corpus, 4, 11)
    (folder / "eval.yaml").write_text(
        "corpus: some.jsonl\nconditions: [{name: noisy, noise: stationary, snr_db: 10}]\n"
        "pipelines: [{name: beam, recognizer: {name: transducer, beam: 4}}]\nmetrics: [wer]\n")
    for command in (
            ["run", "eval.yaml", "--out", "run", "--workers", "0"],
            ["export", "lattices", "run", "--out", "lattices"],
            ["rescore", "lattices/beam.noisy", "--lm", LM, "--weight", "0", "-o", "same.jsonl"],
            ["rescore", "lattices/beam.noisy", "--lm", LM, "--dev", "lattices/beam.noisy",
             "--references", "some.jsonl", "-o", "rescored.jsonl"],
            ["score", "-m", "some.jsonl", "-y", "same=same.jsonl", "-y", "new=rescored.jsonl",
             "-o", "scored", "--metric", "wer"]):
        done = evalkit(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
        if command[0] == "export":
            assert done.stdout == "lattices/beam.noisy: 2 lattices\n"
    heard = RunFolder(folder / "run").outputs().set_index("utterance_id")["hypothesis"]
    same = [json.loads(row) for row in (folder / "same.jsonl").read_text().splitlines()]
    assert {row["id"]: row["hypothesis"] for row in same} == heard.to_dict()  # in the same noise
    source = lattices_at(folder / "lattices" / "beam.noisy", None)
    for name, text in heard.items():
        lattice = source.scored(str(name))
        assert any(link.language for link in lattice.links)
        (best,) = compose(lattice, MODELS[0]).best(np.array([Weights().column]).T)
        assert " ".join(best) == text
        assert (folder / "lattices" / "beam.noisy" / f"{name}.slf").stat().st_size <= 2_000


def test_every_cell_has_a_folder_and_failures_are_named(tiny_corpus: Path) -> None:
    folder = tiny_corpus.parent
    pipelines = [{"name": "plain", "recognizer": {"name": "level", "raise_at": 17_600}},
                 {"name": "late", "enhancer": {"name": "late", "rate": 48_000},
                  "recognizer": {"name": "level", "rate": 8_000}},
                 {"name": "other", "recognizer": "repeating"}]
    run(config(some(tiny_corpus, 2, 6), pipelines=pipelines, metrics=["wer"]), folder / "run")
    for _ in range(2):  # the second overwrites the first
        done = evalkit("export", "lattices", "run", "-o", "out", cwd=folder)
        assert done.returncode == 2
        assert done.stdout.startswith("out/plain.clean: 1 lattice\nout/plain.hum: 1 lattice\n"
                                      "out/late.clean: 2 lattices\nout/late.hum: 2 lattices\n")
        assert "plain.clean: 1 utterance left out: RuntimeError: odd" in done.stdout
    assert sorted("/".join(path.parts[-2:]) for path in folder.glob("out/*/*")) == [
        "late.clean/u2.slf", "late.clean/u6.slf", "late.hum/u2.slf", "late.hum/u6.slf",
        "plain.clean/u2.slf", "plain.hum/u2.slf"]
    assert (folder / "out/plain.clean/u2.slf").read_text().endswith("W=on a=-.5\nJ=9 S=8 E=9 W=off "
                                                                    "a=-1.5 l=-.25\n")
    one = evalkit("export", "lattices", "run", "-o", "one", "--pipeline", "late", "--condition",
                  "hum", cwd=folder)
    assert (one.returncode, one.stdout) == (0, "one/late.hum: 2 lattices\n")
    (folder / "one/late.hum/note.txt").touch()
    for words, said in (("--pipeline other", "other: no recognizer that gives lattices; these do:"),
                        ("--pipeline lat", "no pipeline 'lat' in the run; there are"),
                        ("--condition x", "no condition 'x' in the run"),
                        ("--pipeline late --condition hum -o one", "it holds 'note.txt'; give a"),
                        ("-o run/outputs", "is a part of the run folder")):
        done = evalkit("export", "lattices", "run", *(() if "-o" in words else ("-o", "new")),
                       *words.split(), cwd=folder)
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_what_is_not_the_runs_is_refused(tiny_corpus: Path) -> None:
    """Recordings and recognizers that are others now, and ids that no file can have."""
    folder = tiny_corpus.parent
    manifest = some(tiny_corpus, 2, id="a/b")
    run(config(manifest, pipelines=[{"name": "plain", "recognizer": "level"}], metrics=["wer"],
               conditions=["clean"]), folder / "run")
    done = evalkit("export", "lattices", "run", "-o", "out", cwd=folder)
    assert done.returncode == 2 and "BadName: the id is no name of a file" in done.stdout
    record = folder / "run" / "run.json"
    record.write_text(record.read_text().replace("level None", "level of another version"))
    done = evalkit("export", "lattices", "run", "-o", "out", cwd=folder)
    assert done.returncode == 2
    assert "plain: the recognizer is not the run's any more" in done.stderr
