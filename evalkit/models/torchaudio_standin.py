"""Makes SpeechBrain importable where torchaudio's native library does not load.

SpeechBrain imports torchaudio, of which evalkit needs only the parts written in Python. A
torchaudio built for CUDA cannot load its native library beside a torch built for the CPU.
"""

from __future__ import annotations

import sys
from types import ModuleType

NATIVE = "torchaudio._extension"


def ensure_speechbrain() -> None:
    """Makes SpeechBrain importable. To be called before anything of it is imported. Raises
    ImportError where it or torchaudio is not installed."""
    ensure_torchaudio()
    from speechbrain.utils.importutils import LazyModule

    # Whoever asks all loaded modules for their files, as inspect does, would load every optional
    # part of SpeechBrain and fail on those that are not installed.
    LazyModule.__file__ = None


def ensure_torchaudio() -> None:
    """Imports torchaudio; where its native library does not load, imports it without. To be
    called before a package that imports it. Raises ImportError where it is not installed."""
    try:
        import torchaudio
    except OSError:
        sys.modules[NATIVE] = _without_native_library()
        import torchaudio  # noqa: F401


def _without_native_library() -> ModuleType:
    """What torchaudio._extension would be had torchaudio been built without its library."""
    module = ModuleType(NATIVE, "torchaudio built without its native library.")
    module.__dict__.update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False,
                           fail_if_no_align=lambda function: function)
    return module
