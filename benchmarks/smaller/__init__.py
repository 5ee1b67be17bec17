"""Smaller and cheaper transducers, several seeds of each: trained, kept, and compared.

    python -m benchmarks.smaller make CORPORA                  # the corpora of all arms
    python -m benchmarks.smaller train CORPORA OUT --at-once 2 --minutes 60 [--only ARM ...]
    python -m benchmarks.smaller table CORPORA OUT [--only ARM ...] [--by accent]

sweep.yaml names the arms. An arm is added by a function of benchmarks.smaller.sweep.Training that
returns a Trained, and a line of that file which names it; the table then has it.
"""
