"""Tiny models of SpeechBrain that have learned nothing, saved in its own format."""

from __future__ import annotations

from pathlib import Path

import torch

from evalkit.models.torchaudio_standin import ensure_speechbrain
from tests.systems.folders import transformers_whisper

SEQ2SEQ = """\
pretrained_path: somebody/attention
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
  features: !new:speechbrain.lobes.features.Fbank
    n_mels: 20
  normalize: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
  recurrent: !new:speechbrain.nnet.RNN.GRU
    input_size: 20
    hidden_size: 8
embedding: !new:speechbrain.nnet.embedding.Embedding
  num_embeddings: 8
  embedding_dim: 6
recurrent: !new:speechbrain.nnet.RNN.AttentionalRNNDecoder
  rnn_type: gru
  attn_type: content
  hidden_size: 8
  attn_dim: 8
  num_layers: 1
  enc_dim: 8
  input_size: 6
  scaling: 8.0
linear: !new:speechbrain.nnet.linear.Linear
  input_size: 8
  n_neurons: 8
tokenizer: !new:sentencepiece.SentencePieceProcessor
decoder: !new:speechbrain.decoders.S2SRNNBeamSearcher
  embedding: !ref <embedding>
  decoder: !ref <recurrent>
  linear: !ref <linear>
  bos_index: 1
  eos_index: 2
  min_decode_ratio: 0.0
  max_decode_ratio: 0.1
  beam_size: 3
modules:
  encoder: !ref <encoder>
  decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <encoder>
    decoder: !ref <decoder>
    tokenizer: !ref <tokenizer>
  paths:
    encoder: !ref <pretrained_path>/encoder.ckpt
    decoder: !ref <pretrained_path>/decoder.ckpt
    tokenizer: !ref <pretrained_path>/letters.model
"""

WHISPER = """\
whisper_hub: somebody/whisper-tiniest
language: en
sample_rate: 16000
normalized_transcripts: true
whisper: !new:speechbrain.integrations.huggingface.whisper.Whisper
  source: !ref <whisper_hub>
  save_path: nowhere
  language: en
  task: transcribe
decoder: !new:speechbrain.decoders.seq2seq.S2SWhisperGreedySearcher
  model: !ref <whisper>
  min_decode_ratio: 0.0
  max_decode_ratio: 0.01
modules:
  whisper: !ref <whisper>
  decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    whisper: !ref <whisper>
"""

ENCODER = """\
compute_features: !new:speechbrain.lobes.features.Fbank
  n_mels: 12
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
  norm_type: sentence
  std_norm: False
embedding_model: !new:{kind}
{options}
modules:
  compute_features: !ref <compute_features>
  mean_var_norm: !ref <mean_var_norm>
  embedding_model: !ref <embedding_model>
  classifier: !new:torch.nn.Identity
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    embedding_model: !ref <embedding_model>
"""
XVECTOR = ENCODER.format(kind="speechbrain.lobes.models.Xvector.Xvector", options="""\
  in_channels: 12
  tdnn_blocks: 2
  tdnn_channels: [8, 16]
  tdnn_kernel_sizes: [3, 1]
  tdnn_dilations: [1, 1]
  lin_neurons: 8""")
RESNET = ENCODER.format(kind="speechbrain.lobes.models.ResNet.ResNet", options="""\
  input_size: 12
  channels: [8, 8, 8, 8]
  block_sizes: [1, 1, 1, 1]
  lin_neurons: 8""")

MASK = """\
compute_stft: !new:speechbrain.processing.features.STFT
  sample_rate: 16000
  win_length: 32
  hop_length: 16
  n_fft: 512
  window_fn: !name:torch.hamming_window
compute_istft: !new:speechbrain.processing.features.ISTFT
  sample_rate: 16000
  win_length: 32
  hop_length: 16
  n_fft: 512
  window_fn: !name:torch.hamming_window
spectral_magnitude: !name:speechbrain.processing.features.spectral_magnitude
  power: 0.5
resynth: !name:speechbrain.processing.signal_processing.resynthesize
  stft: !ref <compute_stft>
  istft: !ref <compute_istft>
  normalize_wavs: false
enhance_model: !new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator
  num_layers: 1
modules:
  enhance_model: !ref <enhance_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    enhance_model: !ref <enhance_model>
"""

WAVEFORM = """\
enhance_model: !new:speechbrain.lobes.models.EnhanceResnet.EnhanceResnet
  channel_counts: [4, 4]
  dense_count: 1
  dense_nodes: 8
modules:
  enhance_model: !ref <enhance_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    enhance_model: !ref <enhance_model>
"""

SEPFORMER = """\
sample_rate: 8000
num_spks: 1
encoder: !new:speechbrain.lobes.models.dual_path.Encoder
  kernel_size: 16
  out_channels: 8
block: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
  num_layers: 1
  d_model: 8
  nhead: 2
  d_ffn: 16
  norm_before: true
masknet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
  num_spks: !ref <num_spks>
  in_channels: 8
  out_channels: 8
  num_layers: 1
  K: 50
  intra_model: !ref <block>
  inter_model: !ref <block>
decoder: !new:speechbrain.lobes.models.dual_path.Decoder
  in_channels: 8
  out_channels: 1
  kernel_size: 16
  stride: 8
  bias: false
modules:
  encoder: !ref <encoder>
  masknet: !ref <masknet>
  decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    encoder: !ref <encoder>
    masknet: !ref <masknet>
    decoder: !ref <decoder>
"""


def saved(folder: Path, yaml: str, *parts: str, **overrides: str) -> Path:
    """The model that ``yaml`` describes, its ``parts`` with random weights, in a folder."""
    ensure_speechbrain()
    from hyperpyyaml import load_hyperpyyaml

    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(yaml, encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = load_hyperpyyaml(yaml, overrides)
        for part in parts:
            torch.save(made[part].state_dict(), folder / f"{part}.ckpt")
    return folder


def seq2seq(folder: Path) -> Path:
    """An EncoderDecoderASR with attention and a search of three beams, of five letters."""
    import sentencepiece

    saved(folder, SEQ2SEQ, "encoder", "decoder")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["abc de"] * 20), model_prefix=str(folder / "letters"),
        vocab_size=8, model_type="char", hard_vocab_limit=False, minloglevel=2)
    return folder


def whisper(folder: Path) -> tuple[Path, Path]:
    """A WhisperASR, and the folder of the model of a hub that it names. Its own weights are not
    those that the hub's model has."""
    hub = transformers_whisper(folder.with_name("hub"), seconds=30)
    (hub / "normalizer.json").write_text("{}")
    saved(folder, WHISPER, whisper_hub=str(hub))
    from hyperpyyaml import load_hyperpyyaml

    state = load_hyperpyyaml(WHISPER, {"whisper_hub": str(hub)})["whisper"].state_dict()
    noise = torch.Generator().manual_seed(1)
    torch.save({name: weight + 0.05 * torch.randn(weight.shape, generator=noise)
                if "encoder" in name else weight for name, weight in state.items()},
               folder / "whisper.ckpt")
    return folder, hub
