"""A tiny corpus of synthetic speech, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.corpora.synthesis.config import SynthConfig
from evalkit.corpora.synthesis.corpus import synthesise


def tiny_config(**changes: object) -> SynthConfig:
    city = {"place": "Chicago", "area": "CH", "latitude": 41.88, "longitude": -87.63}
    other = {"place": "Edinburgh", "area": "ED", "latitude": 55.95, "longitude": -3.19}
    return SynthConfig.model_validate({
        "kind": "synth", "seed": 5, "missing_age": 0.3,
        "accents": {"General American": {"voice": "gmw/en-US", **city},
                    "Scottish": {"voice": "gmw/en-GB-scotland", **other}},
        "splits": {"train": {"speakers": 1, "utterances": 1,
                             "instead": {"General American": {"speakers": 3, "utterances": 1}}},
                   "test": {"speakers": 2, "utterances": 2}}, **changes})


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    synthesise(tiny_config(), folder, workers=0)
    return folder
