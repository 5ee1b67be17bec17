from __future__ import annotations

import gzip
import json
import os
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
    "csv": lambda i, t: ",".join('"' + each.replace('"', '""') + '"' for each in (i, t)),
    "stm": lambda i, t: f"{i} 1 speaker 0.00 2.50 <o,f0,female> {t}",
}
HEADERS = {"csv": ["id,hypothesis"]}
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
    lines = HEADERS.get(form, []) + [WRITERS[form](*pair) for pair in hypotheses.items()]
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
    ("h.txt", "u1 1 0.00 0.20 a\nu1 1 0.20 0.10 b"),
    ("h.txt", "u1 1 0.20 0.10 b 0.9\n;; comment\nu1 1 0.00 0.20 a 0.98"),
    ("h.ctm", "u1 A 3 1 b\nu1 A 1 1 a\nu1 A 2 1 <eps>"),
    ("h.txt", "u1 1 spk 0.00 1.50 <o,f0,male> a b"),
    ("h.txt", "u1 1 spk 2.00 3.00 b\nu1 1 spk 0.00 1.50 a"),
    ("h.csv", "id,hypothesis\nu1,a b"),
    ("h.txt", "utterance_id,duration,prediction\nu1,1.5,a b"),
    ("h.txt", "hyp;utt_id\r\n\"a b\";u1\r\n"),
    ("h.csv", "filename,text,generated_text\ncv/u1.mp3,the reference,a b"),
    ("h.csv", "id,text\nu1,a b"),
    ("h.tsv", "utt_id\tscore\tpred\nu1\t0.3\ta b"),
    ("h.tsv", "audio_filepath\ttranscription\n/x/u1.flac\ta b"),
])
def test_the_format_is_found_out(name: str, content: str) -> None:
    assert read(content, name) == {"u1": "a b"}


def test_the_users_own_key_is_taken_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text("filename,pred\ncv/u1.mp3,a b")
    assert Hypotheses(path).ids == ("u1",)
    assert Hypotheses(path, id_key="filename").ids == ("cv/u1.mp3",)


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
    ("h.jsonl", "[1]", ":1: is not a JSON object; write one object a line"),
    ("h.jsonl", "[" * 100_000, ":1: "),
    ("h.jsonl", '{"hypothesis": "a"}', ":1: no id: there is hypothesis; call it 'id'"),
    ("h.jsonl", '{"id": ["u"], "hypothesis": "a"}', ":1: 'id' must be text, not ['u']"),
    ("h.jsonl", '{"id": true, "hypothesis": "a"}', ":1: 'id' must be text, not True"),
    ("h.jsonl", '{"id": "u1", "text": "the reference"}',
     ":1: no hypothesis: there is id, text; 'text' may be what was said; say --text-key text"),
    ("h.jsonl", '{"id": "u1", "pred": "a", "hyp": "b"}', ":1: what was heard is in hyp or pred"),
    ("h.jsonl", '{"id": "u1", "hypothesis": null}', ":1: 'hypothesis' must be text, not None"),
    ("h.jsonl", '{"id": "u1", "hypothesis": "\\ud800"}', ":1: "),
    ("h.jsonl", b'{"id": "u1", "hypothesis": "caf\xe9"}', ":1: is not UTF-8"),
    ("h.tsv", "u1\ta\nu2\n", ":2: expected 2 columns, the id not empty, found 1"),
    ("h.tsv", "u1\ta\tb", ":1: expected an id, a tab and a text, or a header such as"),
    ("h.tsv", "id\tid\thyp\nu\tv\ta", ":1: expected an id, a tab and a text, or a header"),
    ("h.csv", "u1,turn on", ":1: no id: there is u1, turn on; call it 'id', or say --id-key"),
    ("h.csv", "id,hyp\nu1,yes, please", ":2: 3 columns, and the header has 2"),
    ("h.csv", 'id,hyp\nu0,"a\nb"\nu1,"open\nu2,b\nu3,c', ":4: unexpected end of data"),
    ("h.csv", "id,hyp\nu0,a\n ,b", ":3: its id is empty"),
    ("h.csv", "id,hyp,hyp\nu1,a,b", ":1: two columns are named 'hyp'"),
    ("h.csv", "id,text,duration\nu1,a,2", ":1: no hypothesis: there is id, text, duration; 'text'"),
    ("h.ctm", "u1 1 0.0 0.2", ":1: expected recording, channel, start, duration and word"),
    ("h.ctm", "u1 1 nan 0.2 a", ":1: 'nan' is no time in seconds"),
    ("h.ctm", "u1 1 -1 0.2 a", ":1: '-1' is no time in seconds"),
    ("h.ctm", "u1 1 0 0.2 a\nu1 2 0 0.2 b", ":2: 'u1' has channels 1 and 2; an utterance has one"),
    ("h.ctm", "u1 1 * * <ALT_BEGIN>", ":1: alternatives (<ALT>) are not read"),
    ("h.stm", "u1 1 s 2.0 1.0 a", ":1: ends at 1.0, before it starts at 2.0"),
    ("h.stm", "u1 1 s 0 1.0 ignore_time_segment_in_scoring", ":1: a segment that is not to be"),
    ("h.stm", "u1 1 s 0 1.0 {a / b / @} c", ":1: alternatives such as '{a / b / @}' are not read"),
    ("h.trn", "turn {on / off} (u1)", ":1: alternatives such as '{on / off}' are not read"),
    ("h.trn", "turn on (u 1)", ":1: expected words and then the id in parentheses, which has no"),
    ("h.txt", "u1 1 2 3 four\nu2 1 2 3 five", ": may be ctm, or kaldi with numbers; say --format"),
    ("text", "u1 a\ru2 b\ru3 c", ":1: holds a carriage return"),
    ("h.trn", "a b (u1)\n\na b", ":3: expected words and then the id in parentheses"),
    ("text", "u1 a\nu2 b\nu1 c", ":3: id 'u1' is that of text:1 too, with another text"),
    ("text", " \n", ": holds no hypothesis"),
])
def test_bad_lines_are_named(name: str, content: str | bytes, message: str) -> None:
    assert refusal(content, name).startswith(message)


def test_words_in_parentheses_are_no_ids() -> None:
    assert read("u1 a (noise)\nu2 b (noise)") == {"u1": "a (noise)", "u2": "b (noise)"}
    assert read("(uh) turn on (u1)", "h.trn") == {"u1": "(uh) turn on"}


def test_the_user_names_format_and_keys(tmp_path: Path) -> None:
    assert read("u1 1 0.00 0.20 turn", form="kaldi") == {"u1": "1 0.00 0.20 turn"}
    path = tmp_path / "h.jsonl"
    path.write_text('{"name": "u1", "id": "x", "hypothesis": "b", "text": "a"}')
    found = Hypotheses(path, id_key="name", text_key="text")
    assert found.recall(Utterance("u1")).text == "a"
    assert found.identity != Hypotheses(path).identity
    with pytest.raises(ManifestError, match=r"there is no 'nam' \(--id-key\); there is name, id"):
        _ = Hypotheses(path, id_key="nam").ids
    with pytest.raises(ManifestError, match="kaldi has no keys; --id-key and --text-key are for"):
        text = tmp_path / "text"
        text.write_text("u1 a")
        _ = Hypotheses(text, id_key="name").ids
    with pytest.raises(ConfigError, match="id_key and text_key are for jsonl, tsv, csv, not trn"):
        create("recognizers", "precomputed", {"path": str(path), "format": "trn", "id_key": "x"})


@pytest.mark.parametrize(("content", "kind"), [
    (b"RIFF\x24\0\0\0WAVEfmt ", "audio (RIFF, WAV)"), (b"fLaC\0\0\0\x22", "audio (FLAC)"),
    (b"OggS\0\x02", "audio (Ogg)"), (b"ID3\x03\0\0", "audio (MP3)"),
    (b"\xff\xfb\x90\x64", "audio (MP3)"),
    (b"PAR1\x15\0", "Parquet"), (b"PK\x03\x04\x14\0", "a zip archive, such as .npz or .xlsx"),
    (gzip.compress(b"u1 a", mtime=0), "gzip"), (b"\x93NUMPY\x01\0", "a NumPy array"),
    ("u1 a\n".encode("utf-16"), "UTF-16 text"), ("u1 a\n".encode("utf-16-le"), "binary"),
    (b"u1 a\0b", "binary"), (pickle.dumps({"u1": "a"}), "a pickle"),
])
@pytest.mark.parametrize("name", ["h.txt", "h.jsonl"])
def test_what_is_not_text_is_refused_by_name(name: str, content: bytes, kind: str) -> None:
    assert refusal(content, name).startswith(f": is {kind}, and hypotheses are text in UTF-8;")


def test_a_text_may_begin_like_something_else() -> None:
    assert read("ID3 a\nRIFF b\nPK c") == {"ID3": "a", "RIFF": "b", "PK": "c"}
    long = "u1 " + "ж" * 40_000  # whose first 64 KiB end within a character
    assert read(long + "\nu2 a")["u2"] == "a" and read(" " + long)["u1"] == "ж" * 40_000


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(ManifestError, match=r"is .*, not a file"):
            _ = Hypotheses(path).ids


def test_the_same_line_again_is_in_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("u1 a\nu2 b\nu1 a\n")
    found = Hypotheses(path)
    assert found.ids == ("u1", "u2")
    assert [str(item) for item in found.left_out] == [
        "…/text: 1 hypothesis left out: the same id and text again (u1)"]


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
    with pytest.raises(ConfigError, match="format 'xml' is not one of jsonl, tsv, csv, ka"):
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


def test_ids_of_embeddings_may_be_bytes(write) -> None:
    path = write([b"u1", "é".encode()], [[1.0], [2.0]])
    assert Embeddings(path).recall(Utterance("é")) == pytest.approx([1.0])
    with pytest.raises(ManifestError, match="cannot read embeddings: 'utf-8' codec"):
        _ = Embeddings(write([b"u\xe9"], [[1.0]])).identity


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
