"""Readers of corpora, one module a layout: what a corpus's own files say of its utterances."""
