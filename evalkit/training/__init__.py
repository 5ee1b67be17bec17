"""Training: one loop, the data it reads, penalties, and weightings of samples.

``fine_tuning`` adapts any trainable recognizer, ``verification`` trains speaker embeddings, and
evalkit.models.ctc.training makes the reference recognizer; all three take their steps in ``loop``.
"""
