"""How a streamed system is given its audio: in pieces of so many seconds, looked at so often."""

from __future__ import annotations

import math
from collections.abc import Iterator

SHORTEST = 0.001
"""Seconds of a piece: at the lowest rates of speech still several samples."""


def cuts(samples: int, seconds: float, rate: int) -> Iterator[tuple[int, int]]:
    """Where so many ``samples`` at ``rate`` Hz are cut into pieces of ``seconds``, first and end of
    each: as many have been given at any moment as were spoken, to the nearest, so that pieces
    may differ by one. The last end lies beyond the samples where the last piece is shorter."""
    first, number = 0, 0
    while first < samples:
        number += 1
        end = max(first + 1, round(number * seconds * rate))
        yield first, end
        first = end


def check_pace(pipeline: str, stream: float | None, show: float | None, *, enhancer: bool,
               recognizer: bool, endpointer: bool = False) -> None:
    """Raises ValueError for a pipeline that cannot be given its audio so: ``stream`` seconds go to
    its enhancer, or else to its recognizer and its end-pointer, and what the recognizer shows is
    looked at every ``show``."""
    if stream is not None and not (enhancer or recognizer or endpointer):
        raise ValueError(f"the pipeline {pipeline!r} has no enhancer and no recognizer to stream; "
                         "leave out its key 'stream', or name one")
    if show is None:
        return
    if stream is None or enhancer or not recognizer:
        raise ValueError(f"the pipeline {pipeline!r} streams no recognizer whose partial results "
                         "could be looked at; leave out its key 'show'")
    times = round(show / stream)
    if times < 1 or not math.isclose(times * stream, show, rel_tol=1e-9):
        raise ValueError(f"the pipeline {pipeline!r} cannot show every {show:g} s what it hears "
                         f"{stream:g} s at a time; make 'show' a whole multiple of 'stream'")
