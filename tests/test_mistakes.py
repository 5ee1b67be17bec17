"""Typical mistakes, each through the command line: one line, exit code 2, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit

EVAL = """corpus: m.jsonl
metrics: [wer]
pipelines:
  - {name: small, recognizer: {name: precomputed, path: h.tsv}}
"""
MITIGATE = """recognition:
  accents: {general: m.jsonl, dev: m.jsonl, test: m.jsonl, arms: [plain]}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, hypotheses, two runs of one system and one of two."""
    folder = tmp_path_factory.mktemp("desk")
    write_manifest(folder / "m.jsonl", [
        {"id": f"u{i}", "text": "turn on the light", "speaker": f"s{i % 8}",
         "accent": ("north", "south")[i % 2]} for i in range(32)])
    (folder / "h.tsv").write_text("".join(f"u{i}\tturn on the light\n" for i in range(32)))
    (folder / "g.tsv").write_text("".join(f"u{i}\tturn on a light\n" for i in range(32)))
    for name, *files in (("v1", "small=h.tsv"), ("v2", "medium=g.tsv"),
                         ("ab", "small=h.tsv", "large=g.tsv")):
        words = [word for file in files for word in ("-y", file)]
        done = evalkit("score", "-m", "m.jsonl", *words, "-o", name, cwd=folder)
        assert done.returncode == 0, done.stderr
    (folder / "eval.yaml").write_text(EVAL)
    (folder / "mitigate.yaml").write_text(MITIGATE)
    (folder / "gates.yaml").write_text("gates: [{metric: wer}]\n")
    (folder / "none.jsonl").write_text("")
    (folder / "text.txt").write_text("hello\n")
    (folder / "picture.yaml").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    (folder / "empty.yaml").write_text("")
    (folder / "empty").mkdir()
    (folder / "nemo.jsonl").write_text(
        '{"audio_filepath": "a.wav", "text": "hi", "duration": 1.0}\n')
    (folder / "whisper.json").write_text('{"text": "hi", "segments": []}\n')
    (folder / "cv.tsv").write_text("client_id\tpath\tsentence\nx\ta.mp3\thi\n")
    (folder / "table.csv").write_text("utt,reference\nu1,hi\n")
    (folder / "list.json").write_text('[{"id": "u1"}]\n')
    (folder / "kaldi").mkdir()
    (folder / "kaldi" / "wav.scp").write_text("u1 a.wav\n")
    return folder


def one_line(result: object, words: object) -> str:
    """The one line of a mistake, and nothing but lines of progress beside it."""
    said = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert result.returncode == 2, (words, result.stdout, result.stderr)
    assert len(said) == 1, result.stderr
    assert "Traceback" not in result.stderr and "internal error" not in result.stderr
    assert result.stderr.splitlines()[-1] == said[0]
    return said[0]


RUN = ("run", "-o", "x", "-j", "0")
SCORE = ("score", "-m", "m.jsonl", "-o", "x")

OF_WORDS = [
    ("cohort v1", "Did you mean 'cohorts'?"), ("raport v1", "Did you mean 'report'"),
    ("corpus sinth x", "Did you mean 'synth'?"), ("train recogniser x", "'recognizer'"),
    ("baseline frieze v1", "'freeze'"), ("export mlflo v1", "'mlflow'"),
    ("groups v1 --buy accent", "did you mean --by"), ("groups v1", "Missing option '--by'"),
    ("groups", "Missing argument"), ("groups v1 --by", "requires an argument"),
    ("groups v1 --by acent", "did you mean 'accent'?"),
    ("groups v1 --by accent --metric wre", "did you mean 'wer'?"),
    ("groups v1 --by acent", "there are accent"),
    ("groups v1 --by accent --metric wre2", "no metric 'wre2' in this run; there are cer, "),
    ("groups v1 --by accent --pipeline smal", "did you mean 'small'?"),
    ("groups v1 --by accent --condition clean", "what `evalkit score` and `evalkit trials` were"),
    ("groups v1 --by accent --metric eer", "give a pipeline an encoder"),
    ("groups m.jsonl --by accent", "`evalkit run` and `evalkit score` make one"),
    ("groups empty --by accent", "`evalkit run` or `evalkit score` makes it"),
    ("systems v1", "two are needed"), ("systems ab --condition givn", "did you mean 'given'?"),
    ("systems ab --metric bleu", "no metric 'bleu'"),
    ("cohorts v1 --finder tre", "did you mean 'tree'?"),
    ("cohorts v1 --metric weer", "did you mean 'wer'"),
    ("cohorts v1 --postcodes absent.csv", "absent.csv"),
    ("cohorts v1 --seed -1", "must be at least 0, not '-1'"),
    ("cohorts v1 --seed many", "must be a whole number, not 'many'"),
    ("report v1", "Missing option '--out'"), ("report v1 -o x --by acent", "did you mean 'accent'"),
    ("report v1 -o x --by accent --by text", "'--by': was given twice, and takes one value"),
    ((*SCORE, "-y", "h.tsv", "--manifest", "m.jsonl"), "'--manifest' / '-m': was given twice"),
    ("corpus synth empty -j 1 --workers 2", "was given twice"),
    ("groups absent --by accent", "absent/run.json: cannot be read (No such file or directory); "),
    ((*RUN, "m.jsonl"), "is this YAML, or a manifest?"),
    ("score -m . -y h.tsv -o x", "is a folder, not a file; give a manifest in it: m.jsonl"),
    ("report v1 -o h.tsv", "h.tsv"), ("report absent -o x", "absent/run.json: cannot be read"),
    ("history v1 --metric weer", "did you mean 'wer'?"),
    ("history v1 --out page.pdf", "write a file that ends in .svg or .html"),
    ("history", "Missing argument"),
    ("compare v1", "Missing argument"), ("compare v1 v2 v1", "unexpected extra argument"),
    ("compare v1 absent", "absent/run.json: cannot be read"),
    ("compare absent.json.gz v1", "absent.json.gz"),
    ("compare v1 v2 --gates absent.yaml", "absent.yaml: cannot read the configuration"),
    ("compare v1 v2 --by acent", "did you mean 'accent'?"),
    ("compare v1 v2 --map small", "--map 'small': expected two names with = between"),
    ("compare v1 ab --map small=lage", "did you mean 'large'?"),
    ("compare v1 ab --map smal=large", "did you mean 'small'?"),
    ("compare v1 ab --map small=large", "'small' would be two pipelines"),
    ("compare v1 v2 --json empty", "is a folder"),
    ("baseline freeze v1 -o b.json --by acent", "did you mean 'accent'?"),
    ("baseline freeze v1 -o empty", "is a folder"), ("baseline freeze v1", "Missing option"),
    ("export mlflow v1", "Missing option '--uri'"),
    ("doctor --imports", "did you mean --import"),
    ("score", "give a run folder to score anew, a table of results and --out, or --manifest"),
    ("score v1 -y h.tsv", "scored where they are"), ("score absent", "absent"),
    ("score -m absent.jsonl -y h.tsv -o x", "absent.jsonl: cannot read the manifest"),
    ("score -m nemo.jsonl -y h.tsv -o x", "`evalkit corpus prepare nemo "),
    ("score -m whisper.json -y h.tsv -o x", "what Whisper wrote"),
    ("score -m cv.tsv -y h.tsv -o x", "`evalkit corpus prepare common_voice "),
    ("score -m table.csv -y h.tsv -o x", "`evalkit corpus prepare table "),
    ("score -m list.json -y h.tsv -o x", "one object a line"),
    ("score -m kaldi -y h.tsv -o x", "`evalkit corpus prepare kaldi kaldi "),
    ("score -m empty -y h.tsv -o x", "give the path of a JSONL file"),
    ("score -m text.txt -y h.tsv -o x", "is not JSON"),
    ((*SCORE, "-y", "absent.tsv"), "absent.tsv"),
    ((*SCORE, "-y", "h.tsv", "-y", "small=empty"), "'empty' is not a file"),
    ((*SCORE, "-y", "a=h.tsv", "-y", "a=g.tsv"), "'a' is named twice"),
    ((*SCORE, "-y", "h.tsv", "--metric", "weer"), "did you mean 'wer'?"),
    ((*SCORE, "-y", "h.tsv", "--metric", "stoi"), "needs audio"),
    ((*SCORE, "-y", "h.tsv", "--normaliser", "basik"), "did you mean 'basic'?"),
    ((*SCORE, "-y", "h.tsv", "--costs", "sclit"), "levenshtein, sclite; did you mean 'sclite'?"),
    ((*SCORE, "-y", "h.tsv", "--max-failed", "2"), "must be at most 1, not '2'"),
    ((*SCORE, "-y", "h.tsv", "--normalizer", "basic"), "--normaliser)"),
    ("run eval.yaml", "Missing option '--out'"), ((*RUN, "absent.yaml"), "absent.yaml: cannot"),
    ((*RUN, "empty"), "empty: is a folder; give the YAML file itself"),
    ((*RUN, "empty.yaml"), "is empty; expected `key: value` lines"),
    ((*RUN, "text.txt"), "expected `key: value` lines"),
    ((*RUN, "picture.yaml"), "not UTF-8 text"),
    ((*RUN, "eval.yaml", "--set", "seed"), "expected KEY=VALUE, such as seed=3"),
    ((*RUN, "eval.yaml", "--set", "sede=3"), "did you mean 'seed'?"),
    ((*RUN, "eval.yaml", "--set", "seed=[3"), "a bracket [ or { that is not closed"),
    ((*RUN, "eval.yaml", "--set", "pipelines.smal.name=x"), "did you mean 'small'?"),
    ((*RUN, "eval.yaml", "--set", "pipelines.9.name=x"), "no such key"),
    ((*RUN, "eval.yaml", "--set", "metrics=wer"), "must be a list, such as [a, b], not 'wer'"),
    ("run -o x -j -3 eval.yaml", "must be at least 0, not '-3'"),
    ("run -o h.tsv -j 0 eval.yaml", "h.tsv: cannot be a run folder"),
    ("mitigate absent.yaml -o x", "absent.yaml: cannot read the configuration"),
    ("corpus synth absent", "corpus.yaml: cannot read the configuration"),
    ("corpus synth", "Missing argument"),
    ("corpus validate absent.jsonl", "absent.jsonl: cannot read the manifest"),
    ("corpus prepare kaldy kaldi -o x.jsonl", "did you mean 'kaldi'?"),
    ("corpus prepare table table.csv -o x.jsonl", "no column 'id' for id"),
    ("corpus prepare table table.csv -o x.jsonl --column id", "expected two names with ="),
    ("corpus prepare table table.csv -o x.jsonl --column ids=utt", "did you mean 'id'?"),
    ("corpus prepare table absent.csv -o x.jsonl", "absent.csv"),
    ("corpus prepare nemo absent.jsonl -o x.jsonl", "absent.jsonl"),
    ("train recognizer absent -o x", "absent"),
    ("train transducer absent -o x", "absent"),
    ("corpus sessions absent.jsonl -o x", "absent.jsonl"),
    ("train pronunciation absent.jsonl empty", "absent.jsonl"),
    ("corpus synth h.tsv", "h.tsv is a file: give the folder that it is in"),
    ("corpus synth v1/run.json", "run.json is a file: give the folder that it is in"),
    ("train recognizer m.jsonl -o x", "m.jsonl is a file: give the folder"),
    ("corpus prepare kaldi h.tsv -o x.jsonl", "h.tsv is a file: give the folder"),
    ((*RUN, "evl.yaml"), "did you mean eval.yaml?"),
    ((*RUN, "eval.yml"), "did you mean eval.yaml?"),
    ((*RUN, "v1/rum.json"), "did you mean v1/run.json?"),
    ((*RUN, "conf.yaml"), "there are empty.yaml, eval.yaml, gates.yaml, mitigate.yaml"),
    ("compare v1 v2 --gates gate.yaml", "did you mean gates.yaml?"),
    ("mitigate mitgate.yaml -o x", "did you mean mitigate.yaml?"),
    ("score -m n.jsonl -y h.tsv -o x", "did you mean m.jsonl?"),
    ((*SCORE, "-y", "hh.tsv"), "did you mean h.tsv?"),
    ("groups v2x --by accent", "did you mean v2?"),
    ((*RUN, "v1/run.json"), "is a document that evalkit wrote, as its key 'schema' says"),
    ((*RUN, "mitigate.yaml"), "is a configuration of `evalkit mitigate`"),
    ((*RUN, "gates.yaml"), "is a file for `evalkit compare --gates`"),
    ("mitigate eval.yaml -o x", "is a configuration of `evalkit run`"),
    ("compare v1 v2 --gates eval.yaml", "is a configuration of `evalkit run`"),
    ("compare v1 v2 --gates v1", "v1: is a folder"),
    ("score h.tsv", "--out: say which folder the run is written to"),
    ("score empty", "empty/run.json: cannot be read"),
    ("groups v1 --by accent,accent", "a column is crossed with itself"),
    ("baseline freeze v1 -o v1/run.json", "a part of the run folder v1, which would be lost"),
    ("compare v1 v2 --json v2/summary.json", "a part of the run folder v2"),
    ("report v1 -o x --markdown v1/findings.json", "a part of the run folder v1"),
    ("history v1 v2 --out v1/utterances.parquet", "a part of the run folder v1"),
    ("compare v1 v2 --json v1/scores/x.parquet", "a part of the run folder v1"),
    ("compare v1 v2 --junit v2/outputs/begun.json", "a part of the run folder v2"),
    ("compare v1 v2 --markdown v2/.lock", "a part of the run folder v2"),
    ("corpus validate none.jsonl", "none.jsonl: holds no utterance that can be used"),
    (("run", "eval.yaml", "-j", "0", "-o", ""), "'-o': is empty; is a variable of the shell not"),
    (("report", "v1", "-o", ""), "'-o': is empty"), (("groups", "v1", "--by", ""), "is empty"),
    (("score", "v1", "--metric", ""), "is empty"),
]


@pytest.mark.parametrize(("words", "remedy"), OF_WORDS,
                         ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_a_mistake_in_the_words_is_one_line_with_the_remedy(
        desk: Path, words: str | tuple[str, ...], remedy: str) -> None:
    words = words.split() if isinstance(words, str) else words
    assert remedy in one_line(evalkit(*words, cwd=desk), words)


ODD = "odd\udcff"
"""As Python names a file whose name ends in the byte 0xff."""


@pytest.mark.parametrize("words", [
    ("score", "-m", f"{ODD}/m.jsonl", "-y", "small=h.tsv", "-o", "new"),
    ("score", "-m", "m.jsonl", "-y", f"small={ODD}/h.tsv", "-o", "new"),
    ("score", "-m", "m.jsonl", "-y", "small=h.tsv", "-o", f"{ODD}/new"),
    ("run", f"{ODD}/eval.yaml", "-o", "new", "-j", "0"), ("report", f"{ODD}/v1", "-o", "new"),
    ("groups", f"{ODD}/v1", "--by", "accent"), ("compare", "v1", f"{ODD}/v1")],
    ids=lambda words: words[0])
def test_a_path_that_is_no_utf_8_is_named(desk: Path, words: tuple[str, ...]) -> None:
    (desk / ODD).mkdir(exist_ok=True)
    for name in ("m.jsonl", "h.tsv", "eval.yaml", "v1"):
        if not (desk / ODD / name).exists():
            (desk / ODD / name).symlink_to(desk / name)
    said = one_line(evalkit(*words, cwd=desk), words)
    assert "odd\\xff/" in said and "is no name in UTF-8" in said and "rename" in said
    assert not (desk / "new").exists()


def test_a_working_folder_that_is_no_utf_8_is_named(desk: Path, tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    for name in ("m.jsonl", "h.tsv"):
        (folder / name).write_bytes((desk / name).read_bytes())
    words = ("score", "-m", "m.jsonl", "-y", "small=h.tsv", "-o", "new")
    assert "odd\\xff: is no name in UTF-8" in one_line(evalkit(*words, cwd=folder), words)


OF_EVAL = [
    (EVAL + "metrics: [cer]\n", "line 5: the key 'metrics' was on line 2 already"),
    (EVAL + "seed: 010\n", "010 would be read to base 8"),
    (EVAL + "seed: 1:30\n", "read to base 60"), (EVAL + "\tseed: 3\n", "line 5: a tab"),
    (EVAL + "  seed: 3\n", "line 5: "), (EVAL + "costs: a: b\n", "put text that holds `: `"),
    (EVAL + "no: 3\n", "the key no is read as true or false; put it in quotes"),
    (EVAL + "seed: 'three\n", "a quote that is not closed"),
    (EVAL + "costs: *sclite\n", "put it in quotes"), (EVAL + "costs: @x\n", "must be in quotes"),
    (EVAL + "costs: !x y\n", "put text that begins with ! in quotes"),
    (EVAL + "---\nseed: 3\n", "a second document"),
    (EVAL + 'costs: "a\\0b"\n', "a NUL or half a character"),
    (EVAL + "seeed: 3\n", "no key 'seeed' here; did you mean 'seed'? there are corpus, join"),
    (EVAL + "seed: three\n", "seed: must be a whole number, not 'three'"),
    (EVAL + "seed: -1\n", "seed: must be at least 0, not -1"),
    (EVAL + "seed: yes\n", "seed: must be a number, not true"),
    (EVAL + "outside: perhaps\n", "outside: must be true or false, not 'perhaps'"),
    (EVAL + "trials: {most: 0}\n", "trials.most: must be greater than 0, not 0"),
    (EVAL + "trials: {mots: 5}\n", "trials: no key 'mots' here; did you mean 'most'?"),
    (EVAL + "conditions: []\n", "conditions: needs 1 or more, and has 0"),
    (EVAL + "conditions: [{name: x, noise: bable, snr_db: 5}]\n", "did you mean 'babble'?"),
    (EVAL + "conditions: [{name: x, noise: babble, snr_bd: 5}]\n",
     "conditions.x: conditions plug-in 'noise' has no option 'snr_bd'; "),
    (EVAL + "conditions: [{name: y, gain: [3]}]\n", "conditions.y: conditions plug-in 'gain': "),
    (EVAL + "conditions: [clean, clean]\n", "two conditions are named 'clean'"),
    (EVAL.replace("metrics:", "metric:"), "no key 'metric' here; did you mean 'metrics'?"),
    (EVAL.replace("metrics: [wer]\n", ""), "metrics: is missing"),
    (EVAL.replace("[wer]", "wer"), "metrics: must be a list, such as [a, b], not 'wer'"),
    (EVAL.replace("[wer]", "[weer]"),
     "metrics.weer: no metrics plug-in 'weer'; did you mean 'wer'?"),
    (EVAL.replace("[wer]", "[{name: wer, normaliser: bsic}]"),
     "metrics.wer: no text normaliser 'bsic'"),
    (EVAL.replace("[wer]", "[wer, wer]"), "metrics: wer and wer would both give 'wer'"),
    (EVAL.rstrip().removesuffix("}") + ", metrics: [{name: cer, unit: x}]}\n",
     "pipelines.small.metrics.cer: metrics plug-in 'cer' has no option 'unit'"),
    (EVAL.replace("[wer]", "[no]"), "put a name such as no in quotes"),
    (EVAL.replace("small", "no"), "pipelines.0.name: must be text, not false; YAML reads no"),
    (EVAL.replace("small", "a/b"), "pipelines.0.name: may hold letters"),
    (EVAL.replace("recognizer", "recogniser"),
     "pipelines.small: no key 'recogniser' here; did you mean 'recognizer'?"),
    (EVAL.replace("precomputed, path", "precomputed, pth"),
     "pipelines.small: recognizers plug-in 'precomputed' has"),
    (EVAL.replace("name: precomputed", "nam: precomputed"),
     "pipelines.small.recognizer.name: is missing; is 'nam' meant for it?"),
    (EVAL.replace("precomputed", "precomputd"),
     "pipelines.small: no recognizers plug-in 'precomputd'; did you mean 'precomputed'?"),
    (EVAL.replace(", recognizer: {name: precomputed, path: h.tsv}", ""), "wer needs a recognizer"),
    (EVAL.replace("m.jsonl", "absent.jsonl"), "absent.jsonl: cannot read the manifest"),
    (EVAL.replace("m.jsonl", "nemo.jsonl"), "`evalkit corpus prepare nemo "),
    (EVAL.replace("m.jsonl", "kaldi"), "`evalkit corpus prepare kaldi "),
    (EVAL.replace("h.tsv", "absent.tsv"), "absent.tsv"),
    (EVAL + "normaliser: whisper\n", "normaliser: no text normaliser 'whisper'"),
    (EVAL + "costs: sclit\n", "costs: no alignment costs 'sclit'"),
    (EVAL + "glm: m.jsonl\n", "glm: "),
]


@pytest.mark.parametrize(("text", "remedy"), OF_EVAL, ids=lambda value: value.splitlines()[-1][:60])
def test_a_mistake_in_eval_yaml(desk: Path, text: str, remedy: str) -> None:
    (desk / "wrong.yaml").write_text(text)
    said = one_line(evalkit(*RUN, "wrong.yaml", cwd=desk), text)
    assert remedy in said and "Input should" not in said and "Extra inputs" not in said
    of_the_manifest = "read the manifest" in remedy or "prepare" in remedy
    assert said.startswith("error: wrong.yaml: ") or of_the_manifest


OF_OTHERS = [
    ("compare v1 v2 --gates", "gates: [{metric: wer, tolerence: {relative: 0.1}}]",
     "gates.0: no key 'tolerence' here; did you mean 'tolerance'?"),
    ("compare v1 v2 --gates", "gates: [{metric: weer}]", "did you mean 'wer'?"),
    ("compare v1 v2 --gates", "gates: [{metric: wer, scope: gap acent}]", "did you mean 'accent'?"),
    ("compare v1 v2 --gates", "gates: {metric: wer}", "gates: must be a list"),
    ("compare v1 v2 --gates", "gate: []", "did you mean 'gates'?"),
    ("compare v1 v2 --gates", "gates: [{metric: wer, on_inconclusive: sure}]", "not 'sure'"),
    ("compare v1 v2 --gates", "gates: [{metric: wer, tolerance: 5}]", "must be `key: value` lines"),
    ("mitigate -o x", MITIGATE.replace("plain", "plane"), "did you mean 'plain'?"),
    ("mitigate -o x", MITIGATE.replace("general", "genral"),
     "recognition.accents: no key 'genral' here; did you mean 'general'?"),
    ("mitigate -o x", MITIGATE.replace("recognition", "recognitions"),
     "no key 'recognitions' here; did you mean 'recognition'?"),
    ("mitigate -o x", MITIGATE.replace("arms: [plain]", "arms: [plain], seeds: 3"),
     "recognition.accents.seeds: must be a list, such as [a, b], not 3"),
    ("mitigate -o x", "{}", "there is no experiment; write one under recognition or verification"),
]


@pytest.mark.parametrize(("words", "text", "remedy"), OF_OTHERS)
def test_a_mistake_in_another_file(desk: Path, words: str, text: str, remedy: str) -> None:
    (desk / "other.yaml").write_text(text)
    assert remedy in one_line(evalkit(*words.split(), "other.yaml", cwd=desk), words)


HOSTILE = {
    "aliases of aliases": "a0: &a0 [x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "merges of merges": "a0: &a0 {k: v}\n" + "".join(
        f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 60)),
    "an alias in itself": "a: &a [*a]\n", "deep lists": "a: " + "[" * 9999,
    "deep keys": "".join(" " * i + "a:\n" for i in range(900)),
    "many": "a: [" + "1, " * 99_999 + "1]", "long": "#" * 2_000_000,
    "a long number": "a: " + "9" * 9999, "an object": "!!python/object/apply:os.system [ls]",
    "a broken type": "a: !!bool x", "a broken date": "a: 2024-99-99",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_refused_quickly(desk: Path, name: str) -> None:
    (desk / "wrong.yaml").write_text(HOSTILE[name])
    assert "wrong.yaml: " in one_line(evalkit(*RUN, "wrong.yaml", cwd=desk), name)


READ_OTHERWISE = [
    ("? &a x\n: 1\n*a : 2\n", "line 3: an alias where a key was expected"),
    ("&a b: 1\n*a : 2\n", "line 2: an alias where a key was expected"),
    ("'a': 1\n\"a\": 2\n", "line 2: the key 'a' was on line 1 already"),
    ("seed: 1\n\"\\x73eed\": 2\n", "line 2: the key 'seed' was on line 1 already"),
    ("<<: {a: 1}\n<<: {b: 1}\n", "line 2: the key '<<' was on line 1 already"),
    ("<<: [1]\n", "`<<:` takes *NAME of a part with keys"),
    ("&a a: 1\n<<: *a\n", "`<<:` takes *NAME of a part with keys"),
    ("? [a, b]\n: 1\n", "a list or a bracket where a key was expected"),
    ("? {a: b}\n: 1\n", "a list or a bracket where a key was expected"),
    ("~: 1\n", "the key ~ is read as nothing"), ("1.5: 1\n", "the key 1.5 is read as a number"),
    (".nan: 1\n", "the key .nan is read as a number"),
    ("0x1f: 1\n", "the key 0x1f is read as a number"),
    ("2024-01-01: 1\n", "no key '2024-01-01' here"),
    ("a: !!binary aGVsbG8=\n", "a tag that begins with !"),
    ("a: !!timestamp 2024-01-01\n", "a tag that begins with !"),
    ("a: !!set {a, b}\n", "a tag that begins with !"),
    ("a: !!python/name:os.system\n", "a tag that begins with !"),
    ("a: !!python/object/new:os.system [ls]\n", "a tag that begins with !"),
    ("!!python/tuple a: 1\n", "a tag that begins with !"),
    (f"a: 0x{'f' * 4000}\n", "a number of more than 18 digits"),
    (f"a: 0b{'1' * 4000}\n", "a number of more than 18 digits"),
    (f"a: -{'9_' * 4000}9\n", "a number of more than 18 digits"),
    (f"a: {'1:' * 4000}1\n", "read to base 60"),
    ('"a\\0": 1\n', "a NUL or half a character"), ('"\\ud800": 1\n', "a NUL or half a character"),
    (EVAL + "time_limit: .nan\n", "time_limit: must be a finite number, not nan"),
    (EVAL + "time_limit: 1.0e+999\n", "time_limit: must be a finite number, not inf"),
    (EVAL + "trials: {most: .inf}\n", "trials.most: must be a finite number, not inf"),
]


@pytest.mark.parametrize(("text", "remedy"), READ_OTHERWISE, ids=lambda value: value[:40])
def test_yaml_is_read_as_it_looks_or_not_at_all(desk: Path, text: str, remedy: str) -> None:
    (desk / "wrong.yaml").write_text(text)
    said = one_line(evalkit(*RUN, "wrong.yaml", cwd=desk), text)
    assert said.startswith("error: wrong.yaml: ") and remedy in said and len(said) < 400


@pytest.mark.parametrize("value", [".nan", ".inf", "1.0e+999", "-1", "-.inf"])
@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_no_gate_has_a_tolerance_that_nothing_exceeds(desk: Path, kind: str, value: str) -> None:
    (desk / "other.yaml").write_text(f"gates: [{{metric: wer, tolerance: {{{kind}: {value}}}}}]")
    said = one_line(evalkit("compare", "v1", "v2", "--gates", "other.yaml", cwd=desk), value)
    assert f"gates.0.tolerance.{kind}: must be " in said


@pytest.mark.parametrize(("text", "remedy"), [
    ('{"schema": 5, "shoe": 1}', "no key 'shoe' here"), ('{"schema": 99}', "this evalkit reads"),
    ("[]", "is not a JSON object"), ("{", "cannot be read"), ("[" * 99_999, "cannot be read"),
    ('{"schema": 5, "a": ' + "[" * 99_999, "cannot be read"), ("", "cannot be read")])
def test_a_damaged_document_says_what_makes_it(desk: Path, text: str, remedy: str) -> None:
    (desk / "damaged").mkdir(exist_ok=True)
    (desk / "damaged" / "run.json").write_text(text)
    said = one_line(evalkit("groups", "damaged", "--by", "accent", cwd=desk), text)
    assert remedy in said and "`evalkit run`" in said and "Input should" not in said


def test_two_runs_of_one_pipeline_need_no_mapping(desk: Path) -> None:
    result = evalkit("compare", "v1", "v2", "--json", "c.json", cwd=desk)
    assert "pipelines gone" not in result.stdout
    said = json.loads((desk / "c.json").read_text())
    assert "pipeline small of the base is compared with medium of the candidate" in said["notes"]
    assert {change["pipeline"] for change in said["changes"]} == {"small"}
    said_why = one_line(evalkit("compare", "v2", "ab", cwd=desk), "compare")
    assert said_why == ("error: no pipeline is in both versions: the base has 'medium', the "
                        "candidate 'large', 'small'; say which is which: --map medium=large")
    mapped = evalkit("compare", "v2", "ab", "--map", "medium=large", "--json", "c.json", cwd=desk)
    said = json.loads((desk / "c.json").read_text())
    assert said["problems"] == [] and mapped.returncode == 0
    change = next(c for c in said["changes"] if (c["metric"], c["scope"]) == ("wer", "overall"))
    assert change["change"]["value"] == 0 and change["base"] == 0.25


def test_a_gap_of_groups_that_are_too_small_says_so(desk: Path) -> None:
    (desk / "other.yaml").write_text("gates: [{metric: wer, scope: gap accent}]")
    result = evalkit("compare", "v1", "v2", "--gates", "other.yaml", "--json", "c.json", cwd=desk)
    (problem,) = json.loads((desk / "c.json").read_text())["problems"]
    assert result.returncode == 2
    assert "cannot be judged: too few groups of accent have" in problem
    assert "north has 4 and 16, south has 4 and 16" in problem


def test_files_are_written_where_the_comparison_fails(desk: Path) -> None:
    result = evalkit("compare", "v1", "absent", "--junit", "j.xml", "--markdown", "s.md",
                     "--json", "c.json", "--github", cwd=desk)
    why = one_line(result, "compare").removeprefix("error: ")
    assert 'errors="1"' in (desk / "j.xml").read_text()
    assert "absent/run.json: cannot be read" in (desk / "j.xml").read_text()
    assert "incomplete" in (desk / "s.md").read_text()
    assert json.loads((desk / "c.json").read_text())["problems"] == [why]
    assert result.stdout.startswith("::error title=evalkit%3A incomplete::absent/run.json")


def test_where_no_speakers_are_known_none_are_counted(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [{"id": f"u{i}", "text": "one two"} for i in range(40)])
    (tmp_path / "h.tsv").write_text("".join(f"u{i}\tone two\n" for i in range(40)))
    said = ""
    for words in (("corpus", "validate", "m.jsonl"), (*SCORE, "-y", "h.tsv"), ("score", "x"),
                  ("report", "x", "-o", "page"), ("baseline", "freeze", "x", "-o", "b.json")):
        result = evalkit(*words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        said += result.stdout + result.stderr
    said += (tmp_path / "page" / "index.html").read_text()
    assert "40 utterances of speakers unknown" in said
    for wrong in (" 0 speakers", "from resampling speakers", "0.00 h of audio", "0.0 x real time"):
        assert wrong not in said


@pytest.mark.parametrize(("missing", "allowed", "code"), [
    (15, "0.25", 2), (15, "0.5", 0), (8, "0.25", 0), (9, "0.25", 2), (31, "1", 0)])
def test_a_run_of_which_too_much_failed_is_incomplete(
        desk: Path, missing: int, allowed: str, code: int) -> None:
    (desk / "few.tsv").write_text(
        "".join(f"u{i}\tturn on the light\n" for i in range(missing, 32)) + "zz\tno\n")
    result = evalkit(*SCORE[:-1], "few", "-y", "few.tsv", "--max-failed", allowed, cwd=desk)
    assert result.returncode == code, result.stderr
    said = f"{missing} of 32 failed: few given cer, mer, wer: NoHypothesis: "
    assert said in result.stdout
    assert "(u0, " in result.stdout
    if code:
        said = one_line(result, "score")
        assert "nothing could be measured" in said or "% failed, more than --max-failed" in said
        assert "most often " in said and "NoHypothesis: " in said and "(u0, " in said


def test_help_of_every_command_has_examples() -> None:
    for command in ("run", "score", "report", "groups", "systems", "cohorts", "mitigate", "compare",
                    "history", "doctor", "corpus synth", "corpus sentences", "corpus validate",
                    "corpus prepare", "train recognizer", "train transducer", "train pronunciation",
                    "train language-model", "rescore", "causality", "baseline freeze",
                    "export mlflow", "export wandb", "export card", "schema", "plan"):
        shown = evalkit(*command.split(), "--help")
        assert shown.returncode == 0 and "Example" in shown.stdout, command
        assert "Exit code" in shown.stdout, command
