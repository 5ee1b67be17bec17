"""Several corpora in one run: each as alone, and none pooled with another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile

from evalkit import api
from evalkit.core.config import read_configs
from evalkit.core.corpora import RESERVED
from evalkit.core.errors import EvalkitError
from evalkit.report.exports import FINDINGS, TABLES
from evalkit.report.page import PAGE
from evalkit.report.recordings import COPIES
from evalkit.run.utterances import read_corpus
from evalkit.store.documents.begun import RECORDS
from evalkit.store.documents.corpora import CORPORA, Corpora
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, tone
from tests.run.runs import tables

HEARD = """
conditions: [clean, {name: hum, noise: stationary, snr_db: 10}]
pipelines:
  - {name: plain, recognizer: level, encoder: bands}
  - {name: late, enhancer: {name: late, rate: 48000}, recognizer: level}
metrics: [wer, si_sdr]
shard_size: 8
"""
NAMES = ("de", "en")
BOTH = "corpora:\n  de: de/test.jsonl\n  en: {path: en/test.jsonl}\n"


def run(folder: Path, config: str, out: str, *options: object):
    (folder / f"{out}.yaml").write_text(config)
    return evalkit("run", f"{out}.yaml", "--out", f"runs/{out}", *(options or ("-j", 0)),
                   cwd=folder)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """Two corpora of recordings whose ids are the same, and the runs of the second and of both."""
    folder = tmp_path_factory.mktemp("heard")
    for name, pitch in zip(NAMES, (120, 150), strict=True):
        (folder / name).mkdir()
        rows = [{"id": f"u{i}", "audio": f"{i}.wav", "text": " ".join(["on"] * (6 + i % 3)),
                 "speaker": f"s{i % 4}", "sex": "fm"[i % 2]} for i in range(8)]
        for i, row in enumerate(rows):
            soundfile.write(folder / name / row["audio"], tone(0.5, pitch=pitch + 40 * i), 16_000)
        write_manifest(folder / name / "test.jsonl", rows)
    for config, out in ((f"corpus: en/test.jsonl\n{HEARD}", "en"), (BOTH + HEARD, "both")):
        ended = run(folder, config, out)
        assert ended.returncode == 0, ended.stderr
    assert "corpus de\n" in ended.stdout and "corpus en\n" in ended.stdout
    return folder


def test_each_has_the_tables_of_a_run_of_it_alone(heard: Path) -> None:
    """Outputs, scores, trials, embeddings and kept audio, all to the byte."""
    alone, part = (RunFolder(heard / "runs" / folder) for folder in ("en", "both/en"))
    assert tables(part.path) == tables(alone.path) and len(part.trials()) == 2 * 28
    assert part.record().corpus == alone.record().corpus
    assert part.record().left_out == alone.record().left_out


def test_what_was_measured_alone_is_gone_on_with_among_others(heard: Path) -> None:
    """The name of a corpus decides nothing that is kept."""
    shutil.copytree(heard / "runs" / "en", heard / "runs" / "named" / "english")
    config = f"corpora: {{english: en/test.jsonl}}\n{HEARD}"
    ended = run(heard, config, "named")
    assert ended.returncode == 0, ended.stderr
    assert "english:\n8 utterances x 2 pipelines x 2 conditions: 0 shards to do" in ended.stderr
    english = RunFolder(heard / "runs" / "named" / "english")
    assert english.record().corpus.name == "english"
    assert tables(english.path) == tables(heard / "runs" / "en")


def test_a_process_loads_a_model_once_for_all(heard: Path) -> None:
    config = (f"pipelines: [{{name: a, recognizer: {{name: deadly, loads: {heard / 'loads'}}}}}]\n"
              "metrics: [wer]\n")
    ended = run(heard, BOTH + config, "once", "-j", 1)
    assert ended.returncode == 0, ended.stderr
    assert len((heard / "loads").read_text().splitlines()) == 1


TEXTS = """
pipelines: [{name: asr, recognizer: {name: precomputed, path: %s.tsv}}]
metrics: [wer]
shard_size: 200
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora of texts, of the same ids, and two versions of a run of both: the second is
    better on en and worse on de."""
    folder = tmp_path_factory.mktemp("read")
    ids = range(120)
    for name, text in zip(NAMES, ("a b c d", "a b x d"), strict=True):
        (folder / name).mkdir()
        write_manifest(folder / name / "test.jsonl", [
            {"id": f"u{i}", "text": text, "speaker": f"s{i % 40}", "sex": "fm"[i % 2],
             **({"dialect": "xyz"[i % 3]} if name == "de" else {})} for i in ids])
    with (folder / "de" / "test.jsonl").open("a") as file:
        file.write('{"text": "no id"}\n')
    for version, texts in (("v1", ("a b c d", "a b c")), ("v2", ("a b x d", "a b x"))):
        (folder / f"{version}.tsv").write_text("".join(
            f"u{i}\t{texts[i % 7 == 0]}\n" for i in ids))
        ended = run(folder, BOTH + TEXTS % version, version)
        assert ended.returncode == 0, ended.stderr
        ended = run(folder, f"corpus: de/test.jsonl\n{TEXTS % version}", f"de_{version}")
        assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.parametrize("words", [
    ["groups", "--by", "sex"], ["groups", "--by", "sex", "--metric", "eer"],
    ["cohorts", "--finder", "declared"]])
def test_a_question_is_answered_for_each_as_for_it_alone(read: Path, words: list[str]) -> None:
    command, *options = words
    both, alone = (evalkit(command, read / "runs" / folder, *options, "--json")
                   for folder in ("v1", "de_v1"))
    assert both.returncode == alone.returncode, both.stderr
    if alone.returncode == 0:
        told, one = json.loads(both.stdout), json.loads(alone.stdout)
        assert list(told) == ["de", "en"] and {**told["de"][0], "run": 0} == {**one[0], "run": 0} \
            if isinstance(one, list) else told["de"]["overall"] == one["overall"]
    else:
        assert both.stderr.count("error: ") == 1 == alone.stderr.count("error: ")


def test_a_corpus_that_cannot_answer_is_named_and_the_others_are_shown(read: Path) -> None:
    ended = evalkit("groups", "runs/v1", "--by", "dialect", cwd=read)
    assert ended.returncode == 2 and "corpus de\n" in ended.stdout
    assert "error: corpus en: no column 'dialect' to group by" in ended.stderr
    ended = evalkit("groups", "runs/v1", "--by", "accent", cwd=read)
    assert ended.returncode == 2 and not ended.stdout and ended.stderr.count("error: ") == 1


def test_nothing_is_pooled_over_corpora(read: Path) -> None:
    line = "is a run of several corpora, which are never pooled; give one of them: .*v1/de, .*v1/en"
    for ask in (lambda path: api.groups(path, ["sex"]), api.systems, api.cohorts, api.read_run,
                lambda path: api.freeze(path, read / "b.json"), api.rescore,
                lambda path: api.mitigate("m.yaml", path), lambda path: api.history([path])):
        with pytest.raises(EvalkitError, match=line):
            ask(read / "runs" / "v1")


def compared(read: Path, *words: object):
    ended = evalkit("compare", *words, "--json", "c.json", cwd=read)
    return ended, json.loads((read / "c.json").read_text())


def test_two_versions_are_compared_corpus_by_corpus(read: Path) -> None:
    ended, found = compared(read, "runs/v1", "runs/v2")
    assert ended.returncode == 1, ended.stderr
    changes = {change["condition"]: change for change in found["changes"]}
    assert {name: change["verdict"] for name, change in changes.items()} == {
        "de/clean": "worse", "en/clean": "better"}
    _, alone = compared(read, "runs/de_v1", "runs/de_v2")
    same = ("base", "candidate", "change", "n", "p_value", "most_worsening")
    assert [changes["de/clean"][key] for key in same] == [alone["changes"][0][key] for key in same]
    assert compared(read, "runs/v1/de", "runs/de_v2")[1]["changes"] == alone["changes"]


@pytest.mark.parametrize(("condition", "scope", "code", "conditions"), [
    ("en", "overall", 0, {"en/clean"}), ("clean", "overall", 1, {"de/clean", "en/clean"}),
    ("en/clean", "every sex", 0, {"en/clean"}), ("de", "every dialect", 1, {"de/clean"}),
    ("fr", "overall", 2, set())])
def test_gates_speak_of_a_corpus_a_condition_or_both(
        read: Path, condition: str, scope: str, code: int, conditions: set[str]) -> None:
    (read / "gates.yaml").write_text(
        f"gates: [{{metric: wer, scope: {scope}, condition: {condition}}}]")
    ended, found = compared(read, "runs/v1", "runs/v2", "--gates", "gates.yaml")
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert {check["condition"] for gate in found["gates"] for check in gate["checks"]} == conditions


def test_a_run_of_one_and_one_of_several_are_not_compared(read: Path) -> None:
    for words in (["compare", "runs/v1", "runs/de_v2"], ["compare", "runs/de_v1", "runs/v2"],
                  ["report", "runs/de_v1", "runs/v2", "--out", "p"]):
        ended = evalkit(*words, cwd=read)
        assert ended.returncode == 2
        last = ended.stderr.splitlines()[-1]
        assert "is a run of several corpora, and runs/de_" in last and "/de, runs/v" in last


def test_outputs_are_scored_anew_for_each(read: Path) -> None:
    shutil.copytree(read / "runs" / "v1", read / "runs" / "anew")
    ended = evalkit("score", "runs/anew", "--metric", "cer", "-j", 0, cwd=read)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.split("next:\n")[1].splitlines() == [
        "  evalkit groups runs/anew --by sex", "  evalkit cohorts runs/anew",
        "  evalkit report runs/anew --out reports/anew",
        "  evalkit compare runs/anew LATER_RUN"]
    records = [RunFolder(read / "runs" / "anew" / name).record() for name in NAMES]
    assert ["cer" in record.metrics for record in records] == [True, True]
    assert [record.corpus.name for record in records] == ["de", "en"]
    ended = evalkit("score", "runs/anew", "--manifest", "de/test.jsonl", cwd=read)
    assert "give the run folder of one of them: runs/anew/de" in ended.stderr


def test_what_to_type_next_fits_every_corpus(read: Path) -> None:
    """Where they have no label in common, of each."""
    for name, row in (("a", {"sex": "f"}), ("b", {"dialect": "x"}), ("c", {})):
        write_manifest(read / f"{name}.jsonl", [
            {"id": f"u{i}", "text": "a b", "speaker": f"s{i}"}
            | {key: f"{value}{i % 2}" for key, value in row.items()} for i in range(20)])
    ended = run(read, "corpora: {a: a.jsonl, b: b.jsonl, c: c.jsonl}" + TEXTS % "v1", "strange")
    assert ended.returncode == 0, ended.stderr
    first = ended.stderr.split("next:\n")[1].splitlines()
    ended = evalkit("score", "runs/strange", "-j", 0, cwd=read)
    assert first == ended.stderr.split("next:\n")[1].splitlines(), "a run says it too"
    assert ended.stderr.split("next:\n")[1].splitlines()[:3] == [
        "  evalkit groups runs/strange/a --by sex", "  evalkit groups runs/strange/b --by dialect",
        "  # labels to group by that several speakers share: there are none yet in runs/strange/c; "
        "`join: [YOUR_SPEAKERS.csv]` in the configuration adds those of your table"]


def test_the_page_sets_them_side_by_side_and_leads_to_each(read: Path) -> None:
    for earlier in ("page", "page/fr"):  # a report that gives way
        (read / earlier).mkdir()
        (read / earlier / "index.html").touch()
    shutil.copytree(read / "runs" / "v1", read / "runs" / "v0")
    Corpora(names=["de"]).write(read / "runs" / "v0" / CORPORA)
    ended = evalkit("report", "runs/v0", "runs/v2", "--out", "page", "--markdown", "brief.md",
                    cwd=read)
    assert ended.returncode == 0, ended.stderr
    page = (read / "page" / "index.html").read_text()
    assert 'href="de/index.html"' in page and ">en/clean<" in page.replace("<bdi>", "").replace(
        "</bdi>", "")
    assert 'href="de/index.html#left-out"' in page
    page = page.replace("<bdi>", "").replace("</bdi>", "")
    assert "Not in the earlier run v0, and compared with nothing of it: en." in page
    ended, found = compared(read, "runs/v2", "runs/v0")
    assert ended.returncode == 2 and "corpora gone: en" in found["problems"]
    brief = (read / "brief.md").read_text()
    assert [brief.count(f"### evalkit: {name}\n") for name in NAMES] == [1, 1]
    values = (read / "page" / "tables" / "values.csv").read_text()
    assert [values.count(f"asr,{name}/clean") > 0 for name in NAMES] == [True, True]


def test_no_corpus_is_called_what_stands_beside_it() -> None:
    """In a folder of runs and in a report of them."""
    assert {CORPORA, PAGE, COPIES, TABLES, FINDINGS, *(
        name.split("/")[0] for name in RECORDS)} == RESERVED


def test_a_reader_that_there_is_not_is_told_with_its_key(read: Path) -> None:
    ended = run(read, "corpus: {reader: kladi, path: de}" + TEXTS % "v1", "mistaken")
    assert ended.returncode == 2 and not (read / "runs" / "mistaken").exists()
    assert "mistaken.yaml: corpus.reader: no corpora plug-in 'kladi'; did you mean" in ended.stderr


@pytest.mark.parametrize(("text", "message"), [
    ("corpora: {}", "corpora: must be `NAME: manifest.jsonl` or"),
    ("corpora: [a.jsonl]", "corpora: must be `NAME: manifest.jsonl` or"),
    ("corpora: {../a: de/test.jsonl}", "corpora: the name '../a' cannot be used: it may hold"),
    ("corpora: {de: x, DE: y}", "'de' and 'DE' differ in capital letters only; rename one"),
    ("corpus: x\ncorpora: {de: x}", "has both 'corpus' and 'corpora'"),
    ("corpora: {de: de/test.jsonl, en: absent.jsonl}", "corpus en: "),
    ("corpora: {de: {path: de/test.jsonl, wehre: [a=b]}}",
     "mistaken.yaml: corpora.de: no key 'wehre' here; did you mean 'where'? there are path, "),
    ("corpora: {en: en/test.jsonl, de: {reader: kaldi, path: de, per_speakr: 1}}",
     "mistaken.yaml: corpora.de: no key 'per_speakr' here; did you mean 'per_speaker'? there are "),
    ("corpora: {de: {reader: table, path: de/test.csv, wehre: x}}", "corpus de: "),
    ("corpora: {en: en/test.jsonl, de: {path: de/test.jsonl, per_speaker: 0}}",
     "mistaken.yaml: corpora.de.per_speaker: must be greater than 0, not 0"),
    ("per_speaker: 0\ncorpora: {de: de/test.jsonl, en: {path: en/test.jsonl, per_speaker: 1}}",
     "mistaken.yaml: per_speaker: must be greater than 0, not 0"),
    ("corpora: {de: {path: de/test.jsonl, trials: {most: x}}}",
     "mistaken.yaml: corpora.de.trials.most: must be a whole number, not 'x'"),
    ("corpora: {de: {path: de/test.jsonl, trials: {scores: {b: x}}}}",
     "mistaken.yaml: corpora.de.trials: scores of 'b', which is no pipeline without"),
    ("corpora: {en: en/test.jsonl, de: {reader: kladi, path: de}}",
     "mistaken.yaml: corpora.de.reader: no corpora plug-in 'kladi'; did you mean 'kaldi'? "),
    ("corpora: {de: {reader: [kaldi], path: de}}",
     "mistaken.yaml: corpora.de.reader: must be text, not a list"),
    ("corpora: {en: en/test.jsonl, de: }",
     "corpora.de: must be `de: manifest.jsonl` or `de: {reader: …, path: …}`, not nothing"),
    ("corpora: {de: [de/test.jsonl]}", "corpora.de: must be `de: manifest.jsonl` or "),
    ("corpora: {de: {where: [sex=f]}}", "mistaken.yaml: corpora.de.path: is missing"),
    ("corpora: {de: {pth: de/test.jsonl}}", "corpora.de: no key 'pth' here; did you mean 'path'?"),
    ("corpora: {de: {path: de/test.jsonl, where: [sex=x]}}", "corpus de: "),
    *((f"corpora: {{{name!r}: de/test.jsonl}}", f"the name {name!r} cannot be used: it may hold")
      for name in ("", ".", "..", "a/b", "/tmp/a", ".lock", "a b", "a" * 65)),
    *((f"corpora: {{en: en/test.jsonl, {name}: de/test.jsonl}}",
       f"the name {name!r} cannot be used: evalkit gives it to a file or folder of its own")
      for name in ("corpora.json", "Corpora.JSON", "index.html", "tables", "outputs"))])
def test_a_mistake_is_one_line_before_anything_is_written(
        read: Path, text: str, message: str) -> None:
    ended = run(read, text + TEXTS % "v1", "mistaken")
    assert ended.returncode == 2 and message in ended.stderr
    assert ended.stderr.count("error: ") == 1 and not (read / "runs" / "mistaken").exists()


def test_a_corpus_has_labels_of_its_own(read: Path) -> None:
    (read / "labels.yaml").write_text(
        "corpora:\n  women: {path: de/test.jsonl, where: [sex=f], normaliser: none}\n"
        "  all: {path: de/test.jsonl}\n" + TEXTS % "v1")
    configs = read_configs(read / "labels.yaml", ["corpora.all.merge=['sex: m=f']"])
    assert [len(read_corpus(each).utterances) for each in configs.values()] == [60, 120]
    assert [each.normaliser for each in configs.values()] == ["none", "basic"]
    with pytest.raises(EvalkitError, match=r"labels.yaml: has several corpora \(women, all\)"):
        api.run(read / "labels.yaml", read / "runs" / "labels")


def test_a_folder_is_of_one_corpus_or_of_several(read: Path) -> None:
    one, several = f"corpus: de/test.jsonl\n{TEXTS % 'v1'}", BOTH + TEXTS % "v1"
    shutil.copytree(read / "runs" / "v1", read / "runs" / "kept")
    ended = run(read, one, "kept", "-j", 0, "--overwrite")
    assert ended.returncode == 2 and "kept: holds a run of several corpora; give" in ended.stderr
    shutil.copytree(read / "runs" / "de_v1", read / "runs" / "single")
    ended = run(read, several, "single")
    assert ended.returncode == 2 and "single: holds a run of the one corpus de; " in ended.stderr
    ended = run(read, "corpora: {en: en/test.jsonl}" + TEXTS % "v1", "kept")
    assert ended.returncode == 0
    assert "corpora of the run that was here are no longer part of it, and stay beside it (de)" \
        in ended.stderr
