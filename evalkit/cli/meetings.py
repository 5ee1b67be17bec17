"""The command for sessions of several speakers: who said what, in files of any system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit import api
from evalkit.cli.named import file_of, listed, tables_of
from evalkit.cli.options import Json, Seed, say
from evalkit.core.types import Absent

if TYPE_CHECKING:
    from evalkit.core.types import Interval
    from evalkit.store.documents.meetings import MeetingRow, Meetings, MeetingTable


def meetings(reference: Annotated[Path, typer.Argument(
                 help="What was said: STM or SegLST (JSON).")],
             heard: Annotated[list[str], typer.Argument(
                 metavar="[NAME=]HYPOTHESIS ...",
                 help="What each system heard: STM or SegLST; changes are from the first.")],
             by: Annotated[list[str] | None, typer.Option(
                 help="Column of the speakers, a key of SegLST or of a table of --join; or "
                      "overlap: how much of a session's speech overlaps. Columns joined by commas "
                      "are crossed. Repeatable.")] = None,
             join: Annotated[list[str] | None, typer.Option(
                 metavar="[COLUMN=]FILE", help="A table of speakers, whose columns are added; "
                 "COLUMN of it names them. Repeatable.")] = None,
             merge: Annotated[list[str] | None, typer.Option(
                 metavar="'COLUMN: OLD=NEW, …'", help="Make labels one. Repeatable.")] = None,
             canonical: Annotated[str | None, typer.Option(
                 metavar="KIND,…", help="Bring labels into one form: gender, age, country, accent, "
                 "or KIND=COLUMN.")] = None,
             normaliser: Annotated[str, typer.Option(
                 help="none, basic, basic_turkish or whisper_english, for both sides.")] = "basic",
             pause: Annotated[float, typer.Option(
                 min=0, metavar="SECONDS", help="Segments of one speaker with no longer pause "
                 "between them are one turn.")] = 0.0,
             absent: Annotated[Absent, typer.Option(
                 metavar="refuse|empty|leave_out", help="A session that a system's file lacks: an "
                 "error; nothing was heard; or left out for every system.")] = "refuse",
             export: Annotated[Path | None, typer.Option(
                 metavar="FOLDER", help="Also write the sessions as utterances, a speaker of a "
                 "session each: manifest.jsonl and NAME.jsonl, for `evalkit score`.")] = None,
             seed: Seed = 0, as_json: Json = False) -> None:
    """Who was understood in sessions of several speakers, by group and by pair of groups.

    Word errors under the best permutation of speakers (cpWER) and the best combination of output
    streams (ORC-WER), turns counted right, and how late each turn was seen to end. No model is run.

    Examples:

        evalkit meetings ref.stm hyp.stm

        evalkit meetings ref.json base=v1.json new=v2.json --join speakers.csv --by accent

        evalkit meetings ref.stm hyp.json --by overlap --by accent,overlap --pause 0.5 --json

        evalkit meetings ref.stm hyp.stm --export runs/in &&
        evalkit score -m runs/in/manifest.jsonl -y runs/in/hyp.jsonl -o runs/meetings
    """
    found = api.meetings(
        reference, tables_of(heard), by=by or (), join=[file_of(text) for text in join or ()],
        merge=merge or (), canonical=listed(canonical), normaliser=normaliser, pause=pause,
        absent=absent, export=export, seed=seed, say=say)
    if as_json:
        from evalkit.terminal import print_json

        return print_json(found.to_dict())
    print_meetings(found)


def print_meetings(found: Meetings) -> None:
    """A table of errors and one of turns for every system and set of columns, then who is nobody,
    and what to know."""
    from evalkit.terminal import line, print_left_out

    for table in found.tables:
        by = f", by {' x '.join(table.by)}" if table.by else ""
        print(line(f"word errors in % of {table.system}{by}; {found.reference}, text "
                   f"{found.normaliser}"))
        _print_errors(table)
        _print_turns(table)
        print()
    for system in found.systems:
        _print_unmatched(system, found)
    for warning in found.warnings:
        print(line(f"note: {warning}"))
    print_left_out(found.left_out)


def _print_errors(table: MeetingTable) -> None:
    from evalkit.core.text import p_value
    from evalkit.terminal import print_table

    rows, changed = table.rows, any(row.change for row in table.rows)
    compared = any(row.gap for row in rows)
    print_table(
        ["", "group", "status", "sessions", "speakers", "words", "cpWER", "95 %", "sub", "del",
         "ins", "of nobody", "ORC-WER", "95 %", *(["gap to rest", "95 %", "p holm"] * compared),
         *(["change", "95 %"] * changed)],
        [[row.kind, row.group, row.status, str(row.n_sessions), str(row.n_speakers),
          str(row.words), *_percent(row.cp_wer), str(row.substitutions), str(row.deletions),
          str(row.insertions), _known(row.unmatched), *_percent(row.orc_wer),
          *([*_percent(row.gap, signed=True), p_value(row.p_adjusted) if row.gap else ""]
            * compared), *(_percent(row.change, signed=True) * changed)] for row in rows])


def _print_turns(table: MeetingTable) -> None:
    """Nothing where there are no times."""
    from evalkit.terminal import print_table

    if table.rows[0].turns is not None:
        print_table(["", "group", "turns", "heard", "missed", "extra", "counted right %", "95 %",
                     "end P50 ms", "95 %", "end P90 ms", "95 %"],
                    [[row.kind, row.group, *_turns(row), *_delays(row)] for row in table.rows])


def _turns(row: MeetingRow) -> list[str]:
    turns = row.turns
    return [""] * 6 if turns is None else [
        *map(str, (turns.said, turns.heard, turns.missed, turns.extra)), *_percent(turns.right)]


def _percent(value: Interval | None, *, signed: bool = False) -> list[str]:
    from evalkit.core.text import bracketed, number
    from evalkit.terminal import SHARE

    return ["", ""] if value is None else [
        number(value.value, SHARE, signed=signed), bracketed(value.low, value.high, SHARE)]


def _delays(row: MeetingRow) -> list[str]:
    from evalkit.core.text import bracketed, number
    from evalkit.terminal import MILLISECONDS

    return [cell for each in row.turn_ends for cell in (
        number(each.value, MILLISECONDS), bracketed(each.low, each.high, MILLISECONDS))] or [""] * 4


def _known(n: int | None) -> str:
    return "" if n is None else str(n)


NAMED = 5
"""Of those that are nobody."""


def _print_unmatched(system: str, found: Meetings) -> None:
    from evalkit.core.text import count
    from evalkit.terminal import line

    own = [each for each in found.unmatched if each.system == system]
    if not own:
        return
    some = ", ".join(f"{each.heard_as} of {each.session}" for each in own[:NAMED])
    print(line(f"of nobody, heard by {system}: {count(len(own), 'speaker')} with "
               f"{count(sum(each.words for each in own), 'word')}, all insertions: {some}"
               f"{', …' * (len(own) > NAMED)}"))
