"""How a streamed system is given its audio: in pieces of so many seconds, looked at so often."""

from __future__ import annotations

import math


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
