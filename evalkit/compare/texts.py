"""References and hypotheses of a run, as other tools read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.files import write
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.names import offer
from evalkit.store.runfolder import CELL, RunFolder

Row = Mapping[str, Any]


def export_texts(run: Path, out: Path, form: str) -> tuple[list[Path], list[LeftOut]]:
    """Writes a file for every pipeline and condition of ``run`` into the folder ``out``, in the
    ``form`` of FORMS, and ``reference.trn`` beside trn. Utterances without a hypothesis, which
    failed, are left out. Raises ConfigError for a form that there is not."""
    if form not in FORMS:
        raise ConfigError(f"--format {form}: {offer(form, FORMS)}")
    folder = RunFolder(run)
    utterances = folder.utterances()
    outputs = folder.outputs()[["pipeline", "condition", "utterance_id", "hypothesis"]]
    heard = outputs.merge(utterances, on="utterance_id", suffixes=("", ".corpus"))
    written, left_out = [], []
    for (pipeline, condition), rows in heard.groupby(["pipeline", "condition"], observed=True):
        path = out / f"{pipeline}.{condition}.{form}"
        failed = rows.loc[rows["hypothesis"].isna(), "utterance_id"].tolist()
        if failed:
            left_out.append(LeftOut("utterance", path.name, "has no hypothesis", len(failed),
                                    tuple(failed[:NAMED])))
        written.append(_written(path, rows[rows["hypothesis"].notna()], FORMS[form]))
    if form == "trn":
        spoken = utterances[utterances["text"].notna()].rename(columns={"text": "hypothesis"})
        written.append(_written(out / "reference.trn", spoken, _trn))
    return written, left_out


def _written(path: Path, rows: pd.DataFrame, line: Callable[[Row], str]) -> Path:
    records: Any = rows.astype(object).where(rows.notna(), None).to_dict("records")
    write(path, "".join(line(row) + "\n" for row in records))
    return path


def _trn(row: Row) -> str:
    return f"{' '.join(row['hypothesis'].split())} ({row['utterance_id']})".lstrip()


def _json(row: Row) -> str:
    """As NeMo has it; what is known of the utterance beside it."""
    texts = {"id": row["utterance_id"], "text": row["text"], "pred_text": row["hypothesis"],
             "speaker": row["speaker_id"]}
    known = {*CELL, "hypothesis", "speaker_id"}
    others = {key: value for key, value in row.items() if key not in known and value is not None}
    return json.dumps({**others, **texts}, ensure_ascii=False, default=str)


FORMS: Mapping[str, Callable[[Row], str]] = {"trn": _trn, "jsonl": _json}
