from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError, ManifestError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Utterance
from evalkit.systems.precomputed import Embeddings, Hypotheses

WRITERS = {
    "jsonl": lambda i, t: json.dumps({"id": i, "hypothesis": t}, ensure_ascii=False),
    "tsv": lambda i, t: f"{i}\t{t}",
    "kaldi": lambda i, t: f"{i} {t}",
    "trn": lambda i, t: f"{t} ({i})",
}
word = st.text(st.characters(blacklist_categories=("C", "Z"), blacklist_characters="()"),
               min_size=1, max_size=8)
texts = st.lists(word, max_size=5).map(" ".join)


def read(content: str | bytes, name: str = "hypotheses", form: str | None = None) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = Hypotheses(path, form)
        return {i: found.recall(Utterance(i)).text for i in found.ids}


def refusal(content: str | bytes, name: str) -> str:
    with pytest.raises(ManifestError) as caught:
        read(content, name)
    message = str(caught.value)
    assert "\n" not in message
    return message.partition(name)[2]


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=50, deadline=None)
@given(st.dictionaries(word.filter(lambda w: not w.startswith(";;")), texts, min_size=1))
def test_what_is_written_is_read(form: str, hypotheses: dict[str, str]) -> None:
    lines = [WRITERS[form](*pair) for pair in hypotheses.items()]
    if form == "trn":
        lines = [" " + line if line.startswith(";;") else line for line in lines]
    assert read("\n".join(lines), form=form) == hypotheses
    assert read("\ufeff" + "\r\n".join(["", *lines, " "])[2:], form=form) == hypotheses


@pytest.mark.parametrize(("name", "content"), [
    ("h.jsonl", '{"id": "u1", "hypothesis": "a b"}'),
    ("h.json", '{"audio_filepath": "/data/x/u1.wav", "text": "the reference", "pred_text": "a b"}'),
    ("h.txt", '{"id": "u1", "pred_text": "a b"}\n\n'),
    ("h.tsv", "id\thypothesis\nu1\ta b"),
    ("h.txt", "u1\ta b"),
    ("text", "u1   a b "),
    ("h.trn", ";; a comment (u9)\na b(u1)"),
    ("h.txt", "a b (u1)"),
])
def test_the_format_is_found_out(name: str, content: str) -> None:
    assert read(content, name) == {"u1": "a b"}


@pytest.mark.parametrize(("name", "content"), [
    ("text", "u1 \nu2 on"), ("h.tsv", "u1\t\nu2\ton"), ("h.trn", "(u1)\non (u2)"),
    ("h.jsonl", '{"id": "u1", "hypothesis": ""}\n{"id": "u2", "hypothesis": "on"}')])
def test_an_empty_hypothesis_is_one(name: str, content: str) -> None:
    assert read(content, name) == {"u1": "", "u2": "on"}


def test_ids_may_be_numbers_or_hold_spaces_where_the_format_allows() -> None:
    assert read('{"id": 7, "hypothesis": "a"}') == {"7": "a"}
    assert read("speaker one\ta") == {"speaker one": "a"}
    assert read("a (spk-utt_1)", "h.trn") == {"spk-utt_1": "a"}


@pytest.mark.parametrize(("name", "content", "message"), [
    ("h.jsonl", '{"id": "u1", "hypothesis": "a"}\n{oops', ":2: Expecting"),
    ("h.jsonl", "[1]", ":1: is not a JSON object"),
    ("h.jsonl", "[" * 100_000, ":1: "),
    ("h.jsonl", '{"hypothesis": "a"}', ":1: 'id' is missing"),
    ("h.jsonl", '{"id": ["u"], "hypothesis": "a"}', ":1: 'id' is missing or not text"),
    ("h.jsonl", '{"id": true, "hypothesis": "a"}', ":1: 'id' is missing or not text"),
    ("h.jsonl", '{"id": "u1", "text": "the reference"}', ":1: 'pred_text' must be text, not None"),
    ("h.jsonl", '{"id": "u1", "hypothesis": null}', ":1: 'hypothesis' must be text, not None"),
    ("h.jsonl", '{"id": "u1", "hypothesis": "\\ud800"}', ":1: "),
    ("h.jsonl", b'{"id": "u1", "hypothesis": "caf\xe9"}', ":1: 'utf-8' codec"),
    ("h.tsv", "u1\ta\nu2\n", ":2: expected an id, a tab and a text, found 1 columns"),
    ("h.tsv", "u1\ta\tb", ":1: expected an id, a tab and a text, found 3 columns"),
    ("h.trn", "a b (u1)\n\na b", ":3: expected words and then the id in parentheses"),
    ("text", "u1 a\nu2 b\nu1 a", ":3: id 'u1' is that of text:1 too"),
    ("text", " \n", ": holds no hypothesis"),
])
def test_bad_lines_are_named(name: str, content: str | bytes, message: str) -> None:
    assert refusal(content, name).startswith(message)


def test_only_line_feeds_end_lines() -> None:
    assert read("u1 a\u2028b\x0bc\nu2 d", form="kaldi") == {"u1": "a\u2028b\x0bc", "u2": "d"}


def test_a_missing_hypothesis_or_file_or_format_is_said(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("u1 a")
    with pytest.raises(UtteranceError, match="NoHypothesis: text has none"):
        Hypotheses(path).recall(Utterance("u2"))
    with pytest.raises(ManifestError, match="cannot read it: No such file"):
        _ = Hypotheses(tmp_path / "absent").identity
    with pytest.raises(ManifestError, match=":1: expected an id, a tab"):
        _ = Hypotheses(path, "tsv").identity
    with pytest.raises(ConfigError, match="format 'xml' is not one of jsonl, tsv, kaldi, trn"):
        create("recognizers", "precomputed", {"path": str(path), "format": "xml"})


def test_the_identity_is_the_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("u1 a")
    two.write_text("u1 a")
    found = Hypotheses(one)
    before = found.identity
    assert Hypotheses(two).identity == before
    assert found.recall(Utterance("u1")).text == "a"
    one.write_text("u1 another")
    assert found.identity != before
    assert pickle.loads(pickle.dumps(found)).recall(Utterance("u1")).text == "another"


def test_real_hypotheses_are_read(real_data: Path) -> None:
    folder = real_data / "asr_results" / "librispeech_test-clean"
    expected = {line.split("\t")[0] for line in (folder / "ref.tsv").read_text().splitlines()}
    for path in folder.glob("test-clean.*.tsv"):
        assert set(Hypotheses(path).ids) == expected


@pytest.fixture(params=[".npz", ".parquet"])
def write(request, tmp_path: Path):
    """Writes ids and vectors as embeddings; returns the path."""
    def save(ids: list, vectors: list) -> Path:
        path = tmp_path / f"embeddings{request.param}"
        if request.param == ".npz":
            np.savez(path, ids=np.array(ids), embeddings=np.array(vectors))
        else:
            pq.write_table(pa.table({"utterance_id": ids, "embedding": vectors}), path)
        return path
    return save


def test_embeddings_are_scaled_to_unit_length(write) -> None:
    path = write(["u1", "u2", "u3"], [[3.0, 4.0], [0.0, 0.0], [1.0, float("nan")]])
    encoder = create("encoders", "precomputed", {"path": str(path)})
    assert encoder.recall(Utterance("u1")) == pytest.approx([0.6, 0.8])
    for identifier, kind in (("u2", "BadEmbedding"), ("u3", "BadEmbedding"), ("u4", "NoEmbedding")):
        with pytest.raises(UtteranceError) as caught:
            encoder.recall(Utterance(identifier))
        assert caught.value.kind == kind
    assert pickle.loads(pickle.dumps(encoder)).identity == encoder.identity


@pytest.mark.parametrize(("ids", "vectors", "message"), [
    (["u1", "u1"], [[1.0], [2.0]], ":2: id 'u1' is that of embeddings"),
    (["u1", "u2"], [1.0, 2.0], r"2 ids do not fit embeddings of shape \(2,\)"),
    (["u1", "u2"], [["a"], ["b"]], "cannot read embeddings"),
])
def test_bad_embeddings_are_refused(write, ids: list, vectors: list, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Embeddings(write(ids, vectors)).recall(Utterance("u1"))


def test_hostile_files_of_embeddings_are_refused(tmp_path: Path) -> None:
    hostile = tmp_path / "pickled.npz"
    np.savez(hostile, ids=np.array(["u1"]), embeddings=np.array([{"a": 1}], dtype=object))
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 cut off")
    (tmp_path / "text.parquet").write_text("not a table")
    pq.write_table(pa.table({"utterance_id": ["u1", "u2"], "embedding": [[1.0], [1.0, 2.0]]}),
                   tmp_path / "ragged.parquet")
    (tmp_path / "list.txt").write_text("u1 1.0")
    for path in tmp_path.iterdir():
        with pytest.raises(ManifestError) as caught:
            _ = Embeddings(path).identity
        assert path.name in str(caught.value)


def test_nothing_heavy_is_imported() -> None:
    code = """
import sys
from evalkit.systems.precomputed import Hypotheses
heavy = {'torch', 'soundfile', 'soxr', 'librosa', 'scipy', 'pandas', 'numpy', 'pyarrow'}
print(heavy & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
