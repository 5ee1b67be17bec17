"""SpeechBrain can be imported with and without torchaudio's native library."""

from __future__ import annotations

import subprocess
import sys

import pytest

BROKEN = """
import sys
from importlib.machinery import PathFinder

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "torchaudio._extension":
            raise OSError("libc10_cuda.so: cannot open shared object file")

sys.meta_path.insert(0, Broken())
"""
USE = """
from evalkit.models.torchaudio_standin import ensure_torchaudio
ensure_torchaudio()
ensure_torchaudio()
import torch
from speechbrain.lobes.features import Fbank
print(tuple(Fbank()(torch.zeros(1, 1600)).shape))
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("before", ["", BROKEN], ids=["as installed", "native library broken"])
def test_speechbrain_works_and_nothing_is_printed(before):
    done = python(before + USE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 11, 40)\n", "")


def test_another_failure_of_torchaudio_is_not_hidden():
    done = python("import sys\nsys.modules['torchaudio'] = None\n" + USE)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
