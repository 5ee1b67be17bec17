"""The JSON Schema of every document, against what is written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalkit.store.documents.base import Document
from evalkit.store.documents.corpora import Corpora
from evalkit.store.documents.mitigation import MitigationResults
from evalkit.store.documents.report import ReportFindings
from evalkit.store.documents.schemas import DOCUMENTS, json_schema
from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit
from tests.report.test_report_mitigation import recognition, verification
from tests.worlds import write_cohorts


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Every document of a tiny run and its likes, by name, as a reader of JSON sees it."""
    folder = tmp_path_factory.mktemp("documents")
    write_manifest(folder / "m.jsonl", [
        {"id": f"u{i}", "text": "turn on the light", "speaker": f"s{i % 8}",
         "accent": "ab"[i % 2]} for i in range(64)])
    for name, lost in (("v1", 1), ("v2", 0)):
        write_manifest(folder / f"{name}.jsonl", [
            {"id": f"u{i}", "hypothesis": "turn a light"} for i in range(lost, 64)])
        for words in (["score", "-m", "m.jsonl", "-y", f"asr={name}.jsonl", "-o", name],
                      ["baseline", "freeze", name, "-o", f"{name}.json.gz"],
                      ["compare", "v1", name, "--json", f"c{name}.json", "--by", "accent"]):
            done = evalkit(*words, cwd=folder)
            assert done.returncode == 0, done.stderr
    evalkit("history", "v2", "--baseline", "v1", "--json", "h.json", cwd=folder)
    evalkit("compare", "v1", "absent", "--json", "failed.json", cwd=folder)
    write_cohorts(folder / "v1", pd.DataFrame(
        {"utterance_id": ["u0"], "finder": ["tree"], "cohort": ["a"]}))
    evalkit("score", "-m", "m.jsonl", "-y", "v1.jsonl", "-o", "v1.1", "--shard", "1/2", cwd=folder)
    (folder / "costs.yaml").write_text("asr: {bytes: 2}\nother: {bytes: 1}\n")
    evalkit("score", "-m", "m.jsonl", "-y", "asr=v1.jsonl", "-y", "other=v2.jsonl", "-o", "ab",
            cwd=folder)
    done = evalkit("frontier", "ab", "--costs", "costs.yaml", "--json", cwd=folder)
    (folder / "frontier.json").write_text(done.stdout)
    (folder / "ref.stm").write_text("s1 1 a 0 1 turn on\ns1 1 b 1 2 the light\n")
    (folder / "hyp.stm").write_text("s1 1 x 0 1.5 turn on the light\n")
    (folder / "meetings.json").write_text(
        evalkit("meetings", "ref.stm", "hyp.stm", "--json", cwd=folder).stdout)
    Corpora(names=["one", "two"]).write(folder / "corpora.json")
    ReportFindings(corpus="c", created="now", evalkit="0", seed=0, summary=["so"],
                   sections={"groups": {"a": [1.5, None]}}).write(folder / "page.json")
    for name, results in (("r", recognition()), ("v", verification())):
        MitigationResults(run="digest", results=results).write(folder / f"m{name}.json")
    files = {"run": ["v1/run.json"], "summary": ["v1/summary.json", "v2/summary.json"],
             "findings": ["v1/findings.json"], "mitigation": ["mr.json", "mv.json"],
             "comparison": ["cv1.json", "cv2.json", "failed.json"], "baseline": ["v1.json.gz"],
             "releases": ["h.json"], "frontier": ["frontier.json"],
             "meetings": ["meetings.json"],
             "report": ["page.json"], "corpora": ["corpora.json"],
             "begun": ["v1/outputs/begun.json"],
             "finished": ["v1/outputs/finished.json"], "portion": ["v1.1/portion.json"]}
    return {name: [_tree(folder / file) for file in names] for name, names in files.items()}


def _tree(path: Path) -> Any:
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def test_every_document_keeps_its_schema(written: dict[str, list[Any]]) -> None:
    """And nothing else does: another schema number, a key more, one that is missing."""
    draft = pytest.importorskip("jsonschema").Draft202012Validator
    assert written.keys() == DOCUMENTS.keys()
    assert {each for each, _ in DOCUMENTS.values()} == {*Document.__subclasses__()}
    undefined = 0
    for name, trees in written.items():
        schema = json_schema(name)
        draft.check_schema(schema)
        validator = draft(schema)
        for tree in trees:
            undefined += json.dumps(tree).count("null")
            assert not [error.message for error in validator.iter_errors(tree)], name
            first = schema["required"][-1]
            for wrong in (tree | {"schema": 99}, tree | {"more": 1},
                          {key: value for key, value in tree.items() if key != first}):
                assert not validator.is_valid(wrong), name
    assert undefined > 20


def test_the_command() -> None:
    listed = evalkit("schema").stdout.splitlines()
    assert [line.split(" ")[0] for line in listed] == list(DOCUMENTS)
    shown = evalkit("schema", "summary")
    assert json.loads(shown.stdout) == json_schema("summary")
    assert json_schema("summary")["$defs"]["Score"]["properties"]["value"]["anyOf"] == [
        {"type": "number"}, {"type": "null"}]
    wrong = evalkit("schema", "sumary")
    assert wrong.returncode == 2 and "did you mean 'summary'?" in wrong.stderr
