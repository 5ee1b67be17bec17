"""The recognizers that are evaluated and taught, one class each: the same model has two faces."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.audio import save
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import available, create
from evalkit.core.protocols import TrainableRecognizer
from evalkit.core.types import Audio, Recording
from evalkit.models.ctc.network import CtcRecognizer, NetworkConfig
from evalkit.recordings.reading import load
from evalkit.store.manifest import write_manifest
from tests.mitigation.recognition import tones
from tests.mitigation.recognition.tones import recordings
from tests.systems.folders import ASR, speechbrain_recognizer, transformers_recognizer


def reference(folder: Path) -> Path:
    folder.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = CtcRecognizer(NetworkConfig(mels=20, channels=8, hidden=8, layers=1))
    network.save(folder / "model.safetensors")
    return folder / "model.safetensors"


def transducer(folder: Path) -> Path:
    folder.mkdir()
    tones.transducer().save(folder / "model.safetensors")
    return folder / "model.safetensors"


MAKERS = {"reference": reference, "transducer": transducer, "speechbrain": speechbrain_recognizer,
          "transformers": transformers_recognizer}
CTC = pytest.mark.parametrize("named", sorted({*MAKERS} - {"transducer"}), indirect=True)
"""Those whose text is a path through frames: a transducer may say all of it in one."""


@pytest.fixture(scope="module", params=MAKERS)
def named(request, tmp_path_factory) -> tuple[str, dict[str, str]]:
    """A name and the options of a tiny model of a to c at least."""
    path = MAKERS[request.param](tmp_path_factory.mktemp("models") / "model")
    option = "path" if request.param in ("speechbrain", "transformers") else "weights"
    return request.param, {option: str(path)}


def model_of(named) -> TrainableRecognizer:
    return create("trainable_recognizers", *named)


def audio(recording: Recording) -> Audio:
    return Audio(recording.wave, 16_000)


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.module.parameters()])


def sgd_step(model, speech, rate=0.05) -> None:
    model.module.train()
    model.losses(speech).sum().backward()
    with torch.no_grad():
        for p in model.module.parameters():
            if p.grad is not None:
                p.sub_(p.grad, alpha=rate)


def test_every_trainable_recognizer_is_tried_here() -> None:
    assert set(MAKERS) == set(available("trainable_recognizers"))


def test_what_is_taught_is_what_is_evaluated(named) -> None:
    taught, evaluated = model_of(named), create("recognizers", *named)
    assert type(taught) is type(evaluated)
    assert taught.rate == evaluated.rate == 16_000
    assert torch.equal(weights(taught), weights(evaluated))


def test_a_loss_is_that_of_the_labels_under_the_posteriors(named) -> None:
    model, speech = model_of(named), recordings(3)
    together = model.losses(speech)
    alone = torch.cat([model.losses([r]) for r in speech])
    assert together.shape == (3,)
    assert (together > 0).all()
    torch.testing.assert_close(together, alone, rtol=0.02, atol=0)
    posteriors, frames = model.posteriors(speech[:1])
    torch.testing.assert_close(posteriors.exp().sum(-1), torch.ones(posteriors.shape[:2]))
    assert int(frames[0]) == posteriors.shape[1]
    likelihood = by_nodes if named[0] == "transducer" else by_frames
    torch.testing.assert_close(alone[0], likelihood(posteriors, model.spell(speech[0].text)))


def by_frames(posteriors: torch.Tensor, labels: list[int]) -> torch.Tensor:
    return torch.nn.functional.ctc_loss(
        posteriors.transpose(0, 1), torch.tensor(labels), torch.tensor([posteriors.shape[1]]),
        torch.tensor([len(labels)]), reduction="sum")


def by_nodes(posteriors: torch.Tensor, labels: list[int]) -> torch.Tensor:
    """A transducer's, node after node."""
    nodes = posteriors[0].unflatten(0, (-1, len(labels) + 1)).double()
    row = [torch.zeros((), dtype=torch.double)]
    for said, label in enumerate(labels):
        row.append(row[-1] + nodes[0, said, label])
    for before, here in pairwise(nodes):
        row = [way + node[0] for way, node in zip(row, before, strict=True)]
        for said, label in enumerate(labels):
            row[said + 1] = torch.logaddexp(row[said + 1], row[said] + here[said, label])
    return -(row[-1] + nodes[-1, -1, 0]).float()


@CTC
def test_a_text_that_does_not_fit_into_the_recording_is_refused(named) -> None:
    [recording] = recordings(1)
    with pytest.raises(UtteranceError, match="cannot hold a text") as refused:
        model_of(named).losses([replace(recording, text="ab" * 500)])
    assert refused.value.kind == "TooShort"


def test_teaching_one_changes_no_other_of_the_same_folder(named) -> None:
    speech = recordings(2)
    untouched, taught = model_of(named), model_of(named)
    before, copied = untouched.losses(speech), copy.deepcopy(taught)
    copied_before = weights(copied)
    sgd_step(taught, speech)
    assert not torch.equal(weights(taught), weights(untouched))
    assert torch.equal(untouched.losses(speech), before)
    assert torch.equal(weights(copied), copied_before)


def test_the_output_layer_is_a_part_of_the_parameters(named) -> None:
    model = model_of(named)
    names = [name for name, _ in model.module.named_parameters()]
    output = [name for name in names if name.startswith(model.output)]
    assert 0 < len(output) < len(names)


def test_what_was_taught_and_saved_is_evaluated(named, tmp_path) -> None:
    name, options = named
    model, speech = model_of(named), recordings(3)
    identity = create("recognizers", *named).identity
    sgd_step(model, speech)
    model.save(tmp_path / "taught.safetensors")
    evaluated = create("recognizers", name,
                       options | {"weights": str(tmp_path / "taught.safetensors")})
    assert evaluated.identity != identity
    assert torch.equal(weights(evaluated), weights(model))
    sounds = [audio(r) for r in speech]
    assert evaluated.transcribe(sounds) == model.transcribe(sounds)


def test_a_hypothesis_is_that_of_the_best_labels_whatever_its_neighbours(named) -> None:
    model, speech = model_of(named), recordings(3)
    model.module.train()
    heard = model.transcribe([audio(r) for r in speech])
    assert heard == [model.transcribe([audio(r)])[0] for r in speech]
    assert not model.module.training
    assert all(isinstance(hypothesis.text, str) for hypothesis in heard)


def test_a_file_that_holds_other_weights_is_refused(named, tmp_path) -> None:
    name, options = named
    (tmp_path / "other.safetensors").write_bytes(b"no weights")
    model = create("recognizers", name, options | {"weights": str(tmp_path / "other.safetensors")})
    with pytest.raises(ConfigError, match=r"other\.safetensors: cannot load") as refused:
        model.transcribe([audio(recordings(1)[0])])
    assert "\n" not in str(refused.value)


def test_inputs_follow_the_weights_not_the_default_device(named) -> None:
    """Under a default device that computes nothing, all that is made beside the weights shows."""
    model, speech = model_of(named), recordings(2)
    sounds, expected = [audio(r) for r in speech], model.losses(speech)
    heard = model.transcribe(sounds)
    with torch.device("meta"):
        fresh = model_of(named)
        assert {p.device.type for p in fresh.module.parameters()} == {"cpu"}
        assert torch.equal(fresh.losses(speech), expected)
        assert fresh.transcribe(sounds) == heard


@pytest.mark.parametrize("named", ["speechbrain", "transformers"], indirect=True)
def test_the_folder_is_read_and_left_as_it_is(named) -> None:
    _, options = named
    folder = Path(options["path"])
    before = sorted(folder.rglob("*"))
    recognizer = create("recognizers", *named)
    identity = recognizer.identity
    recognizer.transcribe([audio(recordings(1)[0])])
    assert create("recognizers", *named).identity == identity
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("named", ["speechbrain", "transformers"], indirect=True)
def test_a_device_that_there_is_not_is_refused(named) -> None:
    name, options = named
    model = create("recognizers", name, options | {"device": "abacus"})
    with pytest.raises(ConfigError, match="device 'abacus' cannot be used") as refused:
        model.transcribe([audio(recordings(1)[0])])
    assert "\n" not in str(refused.value)


def test_nothing_is_printed_when_it_is_loaded(named, capfd) -> None:
    assert create("recognizers", *named).transcribe([audio(recordings(1)[0])])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["speechbrain", "transformers"])
def test_a_folder_that_holds_nothing_is_named(name, tmp_path) -> None:
    with pytest.raises(ConfigError, match="no folder of a model") as refused:
        create("recognizers", name, {"path": str(tmp_path)})
    assert str(tmp_path) in str(refused.value)
    with pytest.raises(ConfigError, match="path"):
        create("recognizers", name)
    for file in ("hyperparams.yaml", "config.json"):
        (tmp_path / file).write_text("{}")
    with pytest.raises(ConfigError, match="cannot load") as refused:
        _ = create("recognizers", name, {"path": str(tmp_path)}).module
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_evalkit_run_evaluates_it(named, tmp_path) -> None:
    from evalkit.core.config import EvalConfig
    from evalkit.run.runner import run

    speech = recordings(2)
    for r in speech:
        save(tmp_path / f"{r.utterance.id}.wav", audio(r))
    write_manifest(tmp_path / "corpus.jsonl", [
        {"id": r.utterance.id, "audio": f"{r.utterance.id}.wav", "text": r.text,
         "speaker": r.utterance.speaker} for r in speech])
    name, options = named
    config = EvalConfig.model_validate({
        "corpus": tmp_path / "corpus.jsonl", "metrics": ["wer"],
        "pipelines": [{"name": "tiny", "recognizer": {"name": name, **options}}]})
    outputs = run(config, tmp_path / "run").outputs()
    expected = create("recognizers", *named).transcribe(
        [load(tmp_path / f"{r.utterance.id}.wav") for r in speech])
    assert list(outputs["hypothesis"]) == [h.text for h in expected]
    assert outputs["error"].isna().all()


def test_speechbrain_that_searches_beams_is_refused(tmp_path) -> None:
    yaml = ASR.replace("!name:speechbrain.decoders.ctc_greedy_decode\n  blank_id: 0",
                       "!name:speechbrain.decoders.ctc.CTCBeamSearcher\n  blank_index: 0")
    folder = speechbrain_recognizer(tmp_path / "model", yaml=yaml)
    with pytest.raises(ConfigError, match="must be ctc_greedy_decode"):
        _ = create("recognizers", "speechbrain", {"path": str(folder)}).module


def test_means_of_speechbrain_follow_the_weights(tmp_path) -> None:
    """Global statistics are tensors that a network does not take along when it is moved."""
    folder = speechbrain_recognizer(tmp_path / "model",
                                    yaml=ASR.replace("norm_type: sentence", "norm_type: global"))
    model = create("trainable_recognizers", "speechbrain", {"path": str(folder)})
    model.module.train()
    model.posteriors(recordings(2))
    normaliser = model.module.encoder.normalize
    assert normaliser.glob_mean.device.type == "cpu"
    model.module.eval().to("meta")
    assert normaliser.glob_mean.device.type == "cpu"
    moved = normaliser(torch.zeros(1, 5, 20, device="meta"), torch.ones(1, device="meta"))
    assert moved.device.type == "meta"


@pytest.mark.parametrize(("made", "text", "labels"), [
    ("speechbrain", "a b", "abc "), ("speechbrain", "A B", "abc "), ("speechbrain", "ß", "SAB "),
    ("transformers", "aß ö", "aäöüß"), ("transformers", "ab", "AB"), ("transformers", "Ab", "ab"),
])
def test_a_text_is_spelt_in_the_alphabet_of_the_model(made, text, labels, tmp_path) -> None:
    folder = MAKERS[made](tmp_path / "model", labels)
    model = create("trainable_recognizers", made, {"path": str(folder)})
    expected = text if all(c in labels or c == " " for c in text) else (
        text.lower() if text.lower() != text else text.upper())
    first = {"speechbrain": 1, "transformers": 3}[made]
    numbers = {letter: first + i for i, letter in enumerate(labels)}
    numbers.setdefault(" ", 2)
    assert list(model.spell(text)) == [numbers[c] for c in expected]


def test_pieces_of_words_are_spelt_by_their_own_tokenizer(tmp_path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = speechbrain_recognizer(tmp_path / "model", yaml=ASR.replace(
        "speechbrain.dataio.encoder.CTCTextEncoder", "sentencepiece.SentencePieceProcessor"))
    with (folder / "tokenizer.ckpt").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["ab ba", "cab"] * 20), model_writer=file, vocab_size=5,
            model_type="char", bos_id=-1, eos_id=-1, hard_vocab_limit=False,
            minloglevel=2)
    model = create("trainable_recognizers", "speechbrain", {"path": str(folder)})
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.ckpt"))
    assert list(model.spell("AB a")) == processor.encode_as_ids("ab a")
    with pytest.raises(UtteranceError, match="holds 'd'"):
        model.spell("abd")
    [recording] = recordings(1)
    speech = replace(recording, text="ab a")
    assert model.losses([speech]).isfinite().all()
    assert isinstance(model.transcribe([audio(speech)])[0].text, str)


@pytest.mark.parametrize(("made", "labels"), [("speechbrain", "abc "), ("transformers", "abc")])
def test_a_character_that_the_alphabet_lacks_is_named(made, labels, tmp_path) -> None:
    folder = MAKERS[made](tmp_path / "model", labels)
    model = create("trainable_recognizers", made, {"path": str(folder)})
    with pytest.raises(UtteranceError, match="'ab ä' holds 'ä'") as refused:
        model.spell("ab ä")
    assert refused.value.kind == "BadText"


def test_a_model_of_transformers_listens_at_its_own_rate(tmp_path) -> None:
    folder = transformers_recognizer(tmp_path / "model", rate=8_000)
    assert create("recognizers", "transformers", {"path": str(folder)}).rate == 8_000


def test_a_model_of_features_is_refused(tmp_path) -> None:
    transformers_recognizer(tmp_path / "model")
    import transformers

    config = transformers.Wav2Vec2BertConfig(
        vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, feature_projection_input_dim=8, pad_token_id=0)
    transformers.Wav2Vec2BertForCTC(config).save_pretrained(tmp_path / "model")
    with pytest.raises(ConfigError, match="takes input_features"):
        _ = create("recognizers", "transformers", {"path": str(tmp_path / "model")}).module


def test_masks_of_transformers_follow_from_the_seed(tmp_path) -> None:
    """They are drawn by numpy's global generator, which is left as it was."""
    folder = transformers_recognizer(tmp_path / "model", mask_time_prob=0.5, mask_time_length=2)
    model, speech = create("trainable_recognizers", "transformers", {"path": str(folder)}), \
        recordings(2)
    model.module.train()

    def loss(seed: int) -> float:
        torch.manual_seed(seed)
        return float(model.losses(speech).sum())

    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    first = loss(0)
    assert np.array_equal(np.random.get_state()[1], state)
    np.random.seed(2)
    assert loss(0) == first != loss(1)
