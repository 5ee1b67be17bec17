"""Models of transformers that are made here and saved in its own format: the adapters hear what the
library hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from tests.conftest import tone
from tests.systems.folders import (
    transformers_recognizer,
    transformers_whisper,
    transformers_xvector,
)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transformers_whisper(tmp_path_factory.mktemp("models") / "whisper")


@pytest.fixture(scope="module")
def xvector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return transformers_xvector(tmp_path_factory.mktemp("models") / "xvector")


def voices(*seconds: float) -> list[Audio]:
    return [Audio(tone(each, pitch=90 + 40 * i), 16_000) for i, each in enumerate(seconds)]


def library_says(folder: Path, audio: Audio, **options: object) -> str:
    import transformers

    module = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    processor = transformers.WhisperProcessor.from_pretrained(folder)
    features = processor(audio.samples, sampling_rate=16_000, return_tensors="pt",
                         return_attention_mask=True)
    with torch.inference_mode():
        tokens = module.generate(**features, do_sample=False, **options)
    return processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()


def test_whisper_says_what_the_library_says(whisper: Path) -> None:
    batch = voices(0.4, 0.7, 1.0)
    for options, given in (({"language": "en", "task": "transcribe"}, {}),
                           ({"language": "de", "num_beams": 2}, {"beams": 2})):
        said = [library_says(whisper, audio, **options) for audio in batch]
        asked = {name: value for name, value in options.items() if name != "num_beams"} | given
        made = create("recognizers", "transformers_seq2seq", {"path": whisper, **asked, "batch": 3})
        assert [each.text for each in made.transcribe(batch)] == said
        assert [made.transcribe([each])[0].text for each in batch] == said
        assert len(set(said)) == 3 and made.rate == 16_000


def test_what_is_longer_than_the_window_is_heard_whole(whisper: Path) -> None:
    import transformers

    (long,), short = voices(2.6), voices(0.5)
    made = create("recognizers", "transformers_seq2seq", {"path": whisper, "language": "en",
                                                          "batch": 2})
    together = [each.text for each in made.transcribe([long, *short])]
    processor = transformers.WhisperProcessor.from_pretrained(whisper)
    features = processor(long.samples, sampling_rate=16_000, return_tensors="pt", truncation=False,
                         padding="longest", return_attention_mask=True)
    module = transformers.WhisperForConditionalGeneration.from_pretrained(whisper).eval()
    tokens = module.generate(**features, do_sample=False, language="en", return_timestamps=True)
    said = processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()
    assert together == [said, library_says(whisper, short[0], language="en")]


def test_a_ctc_model_hears_a_batch_as_it_hears_each(tmp_path: Path) -> None:
    """What heeds the mask of its padding: every frame is normalised by itself."""
    folder = transformers_recognizer(tmp_path / "ctc", "abcdefgh", feat_extract_norm="layer")
    batch = voices(0.4, 1.0, 0.7)
    one, three = (create("recognizers", "transformers", {"path": folder, "batch": n})
                  for n in (1, 3))
    said = [one.transcribe([each])[0].text for each in batch]
    assert [each.text for each in three.transcribe(batch)] == said and len(set(said)) == 3
    assert (one.batch, three.batch) == (1, 3) and one.identity == three.identity


def test_an_x_vector_is_the_librarys(xvector: Path) -> None:
    import transformers

    batch = voices(0.5, 0.8)
    made = create("encoders", "transformers", {"path": xvector})
    vectors = made.embed(batch)
    module = transformers.WavLMForXVector.from_pretrained(xvector).eval()
    extractor = transformers.AutoFeatureExtractor.from_pretrained(xvector)
    for vector, audio in zip(vectors, batch, strict=True):
        features = extractor(audio.samples, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            their = module(**features).embeddings[0].numpy()
        assert np.allclose(vector, their / np.linalg.norm(their), atol=1e-6)
        assert np.array_equal(made.embed([audio])[0], vector)


def test_a_model_is_known_by_its_files(whisper: Path) -> None:
    made = create("recognizers", "transformers_seq2seq", {"path": whisper})
    assert str(whisper) not in made.identity and "sha256:" in made.identity
    assert made.identity != create("recognizers", "transformers_seq2seq", {
        "path": whisper, "precision": "bfloat16"}).identity
    assert made.identity != create("recognizers", "transformers_seq2seq", {
        "path": whisper, "language": "de"}).identity


def test_a_name_of_a_hub_says_what_to_put_where() -> None:
    with pytest.raises(ConfigError, match="whisper-tiny: is no folder of a model; download"):
        create("recognizers", "transformers_seq2seq", {"path": "openai/whisper-tiny"})
