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


def transformers_whisper(folder: Path, seconds: int = 1) -> Path:
    """A WhisperForConditionalGeneration whose window has so many ``seconds``."""
    pytest.importorskip("transformers")
    ensure_torchaudio()
    import tokenizers
    import transformers

    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>",
               "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
               "<|notimestamps|>", *(f"<|{0.02 * i:.2f}|>" for i in range(50 * seconds + 1))]
    letters = [*"abcdefghijklmnopqrstuvwxyz", "Ġ"]
    others = sorted({*tokenizers.pre_tokenizers.ByteLevel.alphabet()} - {*letters})
    tokenizer = transformers.WhisperTokenizer(
        vocab={token: number for number, token in enumerate([*letters, *others])}, merges=[],
        additional_special_tokens=special[1:], language="en", task="transcribe")
    number = {token: tokenizer.convert_tokens_to_ids(token) for token in special}
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, d_model=16, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_source_positions=50 * seconds, max_target_positions=448,
        bos_token_id=number["<|endoftext|>"], eos_token_id=number["<|endoftext|>"],
        pad_token_id=number["<|endoftext|>"],
        decoder_start_token_id=number["<|startoftranscript|>"], suppress_tokens=None,
        begin_suppress_tokens=None, init_std=1.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = transformers.WhisperForConditionalGeneration(config)
    with torch.no_grad():  # letters are likelier than all other tokens
        module.model.decoder.embed_tokens.weight[len(letters):] *= 0.1
    module.generation_config = transformers.GenerationConfig(
        max_length=24, suppress_tokens=[number[token] for token in special[:10]],
        eos_token_id=number["<|endoftext|>"], pad_token_id=number["<|endoftext|>"],
        decoder_start_token_id=number["<|startoftranscript|>"], is_multilingual=True,
        no_timestamps_token_id=number["<|notimestamps|>"], max_initial_timestamp_index=10,
        prev_sot_token_id=number["<|startofprev|>"],
        lang_to_id={"<|en|>": number["<|en|>"], "<|de|>": number["<|de|>"]},
        task_to_id={task: number[f"<|{task}|>"] for task in ("transcribe", "translate")})
    module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(chunk_length=seconds).save_pretrained(folder)
    return folder


def transformers_xvector(folder: Path) -> Path:
    """A WavLMForXVector of 8 dimensions."""
    pytest.importorskip("transformers")
    ensure_torchaudio()
    import transformers

    config = transformers.WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(10, 8), conv_kernel=(10, 8), num_feat_extract_layers=2,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, tdnn_dim=(8, 8),
        tdnn_kernel=(3, 1), tdnn_dilation=(1, 1), xvector_output_dim=8, layerdrop=0.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.WavLMForXVector(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return folder
