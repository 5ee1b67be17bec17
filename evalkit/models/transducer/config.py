"""Sizes and parts of a transducer's network, and its alphabet."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from evalkit.core.errors import UtteranceError
from evalkit.core.strict import Strict

ENGLISH = " 'abcdefghijklmnopqrstuvwxyz"
BLANK = 0
VECTORS = 32
"""Numbers that torch computes at a time on a processor, at most."""


class TransducerConfig(Strict):
    """``alphabet`` holds the characters that are labels 1, 2, …; with ``end_token`` the last label
    says that the speaker has ended. ``front`` is what lies between the first convolution and the
    layers of the encoder: nothing ("direct"), or the convolutions of ConvRNN-T ("convolutional").
    These layers are LSTMs ("recurrent"), LSTMs with a small branch of matrices of ``rank``
    ("branching"), or twice so many ``layers`` of a Transformer that attends with ``heads`` to
    ``past`` steps before ("amortised"). What a branching or amortised encoder computes is decided
    by what it hears; with a ``share``, which is from 0 to 1, at random, so much of it.
    ``bias`` is the width of the network that attends to a list of phrases, 0 for none."""

    alphabet: str = Field(ENGLISH, min_length=2, max_length=200)
    end_token: bool = False
    mels: int = Field(64, gt=0, le=128)
    channels: int = Field(160, gt=0, le=1024)
    kernel: int = Field(5, ge=3, le=31)
    front: Literal["direct", "convolutional"] = "direct"
    front_kernel: int = Field(5, ge=2, le=31)
    front_layers: int = Field(3, gt=0, le=8)
    encoder: Literal["recurrent", "branching", "amortised"] = "recurrent"
    rank: int = Field(32, gt=0, le=512)
    layers: int = Field(2, gt=0, le=16)
    heads: int = Field(4, gt=0, le=32)
    past: int = Field(32, gt=0, le=512)
    share: float | None = Field(None, ge=0, le=1)
    hidden: int = Field(192, gt=0, le=2048)
    embedding: int = Field(48, gt=0, le=512)
    prediction: int = Field(128, gt=0, le=2048)
    joint: int = Field(160, gt=0, le=1024)
    bias: int = Field(0, ge=0, le=512)
    dropout: float = Field(0.1, ge=0, lt=1)

    @field_validator("alphabet")
    @classmethod
    def _each_once(cls, alphabet: str) -> str:
        if len(set(alphabet)) < len(alphabet) or " " not in alphabet:
            raise ValueError("needs a space, and each character once")
        return alphabet

    @model_validator(mode="after")
    def _share_of_decisions(self) -> TransducerConfig:
        if self.encoder == "recurrent" and self.share is not None:
            raise ValueError("share: a recurrent encoder computes everything; leave it out, or say "
                             "encoder: branching or amortised")
        return self

    @property
    def decides(self) -> bool:
        """Whether the encoder decides by what it hears what it computes."""
        return self.encoder != "recurrent" and self.share is None

    @model_validator(mode="after")
    def _heads_of_one_width(self) -> TransducerConfig:
        if self.encoder == "amortised" and self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden}: must be a multiple of heads {self.heads}")
        return self

    @property
    def exact_together(self) -> bool:
        """Whether utterances can be heard together and each to the bit as alone: LSTMs behind one
        convolution, of widths that are whole vectors of a processor, since torch computes what is
        left over in another way."""
        return (self.front, self.encoder) == ("direct", "recurrent") and not any(
            width % VECTORS for width in (self.channels, self.hidden, self.prediction, self.joint))

    @property
    def labels(self) -> int:
        """How many: the blank, the alphabet, and the end token where there is one."""
        return self.spoken + self.end_token

    @property
    def spoken(self) -> int:
        """Labels before the end token, which a search that listens on never says."""
        return 1 + len(self.alphabet)

    @property
    def end(self) -> int | None:
        """The label that says that the speaker has ended."""
        return self.labels - 1 if self.end_token else None

    def encode(self, text: str) -> list[int]:
        """The labels of ``text``, without the end token. Raises UtteranceError of kind BadText for
        a character that is not of the alphabet."""
        foreign = sorted(set(text) - set(self.alphabet))
        if foreign:
            raise UtteranceError("BadText", f"{text!r} holds {foreign[0]!r}; the recognizer spells "
                                 f"with {_spelled(self.alphabet)}")
        return [self.alphabet.index(character) + 1 for character in text]


def _spelled(alphabet: str) -> str:
    if alphabet == ENGLISH:
        return "a to z, apostrophe and space"
    return f"space and {' '.join(sorted(set(alphabet) - {' '}))}"
