"""What synthetic corpora say: a grammar a module."""

from __future__ import annotations

from evalkit.corpora.synthesis.grammars import (
    german,
    invented,
    names,
    requests,
    spanish,
)

GRAMMARS = {"requests": requests.GRAMMAR, "names": names.GRAMMAR, "spanish": spanish.GRAMMAR,
            "german": german.GRAMMAR, "invented": invented.GRAMMAR}
"""By the name that a configuration gives."""
