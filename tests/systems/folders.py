"""Tiny models that have learned nothing, saved in their libraries' own formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from evalkit.models.torchaudio_standin import ensure_speechbrain, ensure_torchaudio

ASR = """\
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

ENCODER = """\
compute_features: !new:speechbrain.lobes.features.Fbank
  n_mels: 12
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
  norm_type: sentence
  std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
  input_size: 12
  channels: [16, 16, 16, 16, 48]
  kernel_sizes: [3, 3, 3, 3, 1]
  dilations: [1, 2, 3, 4, 1]
  attention_channels: 8
  res2net_scale: 4
  se_channels: 8
  lin_neurons: 8
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
  input_size: 8
  out_neurons: 2
modules:
  compute_features: !ref <compute_features>
  mean_var_norm: !ref <mean_var_norm>
  embedding_model: !ref <embedding_model>
  classifier: !ref <classifier>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    embedding_model: !ref <embedding_model>
  paths:
    embedding_model: embedding_model.ckpt
"""


def speechbrain_recognizer(folder: Path, letters: str = "abc ", yaml: str = ASR) -> Path:
    """An EncoderASR of up to four ``letters``."""
    ensure_speechbrain()
    from hyperpyyaml import load_hyperpyyaml
    from speechbrain.dataio.encoder import CTCTextEncoder

    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(yaml, encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(load_hyperpyyaml(yaml)["encoder"].state_dict(), folder / "encoder.ckpt")
    tokenizer = CTCTextEncoder()
    tokenizer.insert_blank(index=0)
    for letter in letters:
        tokenizer.add_label(letter)
    tokenizer.save(folder / "tokenizer.ckpt")
    return folder


def speechbrain_encoder(folder: Path) -> Path:
    """An ECAPA-TDNN of 8 dimensions."""
    ensure_speechbrain()
    from hyperpyyaml import load_hyperpyyaml

    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(ENCODER, encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = load_hyperpyyaml(ENCODER)
    torch.save(made["embedding_model"].state_dict(), folder / "embedding_model.ckpt")
    return folder


def transformers_recognizer(folder: Path, letters: str = "abc", rate: int = 16_000,
                            **options: object) -> Path:
    """A Wav2Vec2ForCTC of ``letters`` and the space that listens at ``rate`` Hz."""
    pytest.importorskip("transformers")
    ensure_torchaudio()
    import transformers

    vocabulary = {token: number
                  for number, token in enumerate(["<pad>", "<unk>", "|", *letters])}
    config = transformers.Wav2Vec2Config(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, conv_dim=(8, 8), conv_stride=(10, 8), conv_kernel=(10, 8),
        num_feat_extract_layers=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        pad_token_id=0, **{"mask_time_prob": 0.0, "layerdrop": 0.0} | options)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    tokenizer = transformers.Wav2Vec2CTCTokenizer(
        str(folder / "vocab.json"), pad_token="<pad>", unk_token="<unk>",
        word_delimiter_token="|", bos_token=None, eos_token=None)
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=rate,
                                                      return_attention_mask=True)
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    return folder
