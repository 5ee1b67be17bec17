"""Tiny models in the formats of SpeechBrain and transformers, made here and loaded as users'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from evalkit.core.config import Plugin
from evalkit.core.errors import ConfigError
from evalkit.mitigation.recognition.arms import Task
from evalkit.mitigation.recognition.trainable import ModelConfig, load_trainable
from evalkit.mitigation.recognition.trials import make_arm
from evalkit.training.fine_tuning import Schedule, fine_tune
from evalkit.training.fisher import fisher_of
from evalkit.training.trainable import parameters
from tests.mitigation.recognition.tones import recordings

HYPERPARAMS = """\
sample_rate: 16000
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
  features: !new:speechbrain.lobes.features.Fbank
    n_mels: 20
  normalize: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
  recurrent: !new:speechbrain.nnet.RNN.GRU
    input_size: 20
    hidden_size: 8
  ctc_lin: !new:speechbrain.nnet.linear.Linear
    input_size: 8
    n_neurons: 5
  log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: true
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
  blank_id: 0
modules:
  encoder: !ref <encoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <encoder>
    tokenizer: !ref <tokenizer>
"""


def speechbrain_folder(folder: Path) -> Path:
    from evalkit.models.torchaudio_standin import ensure_torchaudio

    ensure_torchaudio()
    from hyperpyyaml import load_hyperpyyaml
    from speechbrain.dataio.encoder import CTCTextEncoder

    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS, encoding="utf-8")
    torch.manual_seed(0)
    torch.save(load_hyperpyyaml(HYPERPARAMS)["encoder"].state_dict(), folder / "encoder.ckpt")
    tokenizer = CTCTextEncoder()
    tokenizer.insert_blank(index=0)
    for letter in "abc ":
        tokenizer.add_label(letter)
    tokenizer.save(folder / "tokenizer.ckpt")
    return folder


def transformers_folder(folder: Path) -> Path:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, conv_dim=(8, 8), conv_stride=(10, 8), conv_kernel=(10, 8),
        num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        pad_token_id=0, mask_time_prob=0.0, layerdrop=0.0)
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    vocabulary = {"<pad>": 0, "<unk>": 1, "|": 2, "a": 3, "b": 4, "c": 5}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), pad_token="<pad>",
                                                  unk_token="<unk>", word_delimiter_token="|",
                                                  bos_token=None, eos_token=None)
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    return folder


FOLDERS = {"speechbrain": speechbrain_folder, "transformers": transformers_folder}


@pytest.fixture(scope="module", params=FOLDERS)
def kind_and_folder(request, tmp_path_factory):
    return request.param, FOLDERS[request.param](tmp_path_factory.mktemp("models") / "model")


def loaded(kind_and_folder):
    kind, folder = kind_and_folder
    return load_trainable(ModelConfig(kind=kind, path=folder))


def test_losses_are_those_of_the_posteriors_one_by_one(kind_and_folder):
    model, heard = loaded(kind_and_folder), recordings(3)
    together = model.losses(heard)
    alone = torch.cat([model.losses([r]) for r in heard])
    assert together.shape == (3,)
    assert (together > 0).all()
    torch.testing.assert_close(together, alone, rtol=0.02, atol=0)
    posteriors, frames = model.posteriors(heard[:1])
    torch.testing.assert_close(posteriors.exp().sum(-1), torch.ones(posteriors.shape[:2]))
    assert int(frames[0]) == posteriors.shape[1]


def test_it_learns_is_penalised_and_saved(kind_and_folder, tmp_path):
    model, heard = loaded(kind_and_folder), recordings(4)
    before = model.losses(heard).sum().item()
    output = {name for name in parameters(model) if name.startswith(model.output)}
    assert 0 < len(output) < len(parameters(model))
    fisher = fisher_of(model, heard[:2], tmp_path)
    assert fisher.keys() == parameters(model).keys()
    task = Task([heard], heard, heard[:2], {}, tmp_path)
    phases = make_arm(Plugin(name="ewc")).phases(task, model, 0.001)
    fine_tune(model, phases, Schedule(steps=20, batch=4, learning_rate=1e-2), 0, tmp_path)
    texts = model.transcribe(heard)
    assert model.losses(heard).sum().item() < 0.9 * before
    assert all(isinstance(text, str) for text in texts)
    model.save(tmp_path / "weights.safetensors")
    state = model.module.state_dict()
    saved = load_file(tmp_path / "weights.safetensors")
    assert all(torch.equal(saved[name], state[name]) for name in state)


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_holds_nothing_is_named(kind, tmp_path):
    if kind == "transformers":
        pytest.importorskip("transformers")
    with pytest.raises(ConfigError, match="folder"):
        load_trainable(ModelConfig(kind=kind))
    with pytest.raises(ConfigError, match="cannot load") as refused:
        load_trainable(ModelConfig(kind=kind, path=tmp_path))
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)
