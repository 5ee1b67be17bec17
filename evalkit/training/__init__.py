"""Training: one loop, the data it reads, penalties, and weightings of samples.

``fine_tuning`` adapts any trainable recognizer, ``verification`` trains speaker embeddings, and
``from_scratch`` makes the reference recognizers; all three take their steps in ``loop``.
"""
