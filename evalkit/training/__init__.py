"""Training: one loop, the data it reads, penalties, and weightings of samples.

``from_scratch`` makes the reference recognizer, ``fine_tuning`` adapts any trainable recognizer,
``verification`` trains speaker embeddings; all three take their steps in ``loop``.
"""
