"""An end-pointer that is a transducer: it says that the speaker has ended as it says letters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest

if TYPE_CHECKING:
    from evalkit.models.transducer.ending import Bars, Ending, Kind
    from evalkit.models.transducer.network import Transducer

LONGEST = 60.0
"""Seconds that the token's probability can be waited for."""


@dataclass(frozen=True)
class TransducerEndpointer:
    """The reference transducer with an end token (evalkit.models.transducer.ending), read from
    ``weights``. The speaker has ended when the token's probability, given what was heard and said,
    has been at least ``threshold`` for ``hold`` seconds; where ``speculative`` is given, that is
    guessed as soon as it is at least that. Raises ConfigError for weights without the token,
    ValueError for a number that is no probability or no such time."""

    weights: Path | str
    threshold: float = 0.5
    speculative: float | None = None
    hold: float = 0.0

    rate = 16_000

    def __post_init__(self) -> None:
        guess = self.threshold if self.speculative is None else self.speculative
        if not 0 < guess <= self.threshold < 1:
            raise ValueError("threshold must be a probability above 0 and below 1, and speculative "
                             f"one that is not above it, not {self.threshold!r} and "
                             f"{self.speculative!r}")
        if not 0 <= self.hold <= LONGEST:
            raise ValueError(f"hold must be from 0 to {LONGEST:g} s, not {self.hold!r}")
        if self.module.config.end is None:
            raise ConfigError(f"{self.weights}: this transducer has no end token and cannot tell "
                              "when the speaker has ended; train one with `evalkit train "
                              "transducer --recipe` and network: {end_token: true}")

    @property
    def identity(self) -> str:
        options = (self.threshold, self.speculative, self.hold)
        return f"TransducerEndpointer {options} sha256:{digest(Path(self.weights))}"

    @cached_property
    def module(self) -> Transducer:
        """The network. Raises ConfigError where it cannot be read."""
        from evalkit.models.transducer.network import Transducer

        return Transducer.load(Path(self.weights))

    def open(self, rate: int) -> Ending:
        """A stream at ``rate`` Hz, which is 16,000."""
        from evalkit.models.transducer.ending import Ending

        return Ending(self.module, self.bars())

    def bars(self) -> Bars:
        """What the probability must pass."""
        from evalkit.models.transducer.encoder import BLOCK
        from evalkit.models.transducer.ending import Bars

        # What is a hair beyond a whole number of blocks is rounding.
        held = 1 + math.ceil(self.hold * self.rate / BLOCK - 1e-6)
        final: dict[Kind, tuple[float, int]] = {"final": (math.log(self.threshold), held)}
        if self.speculative is None:
            return Bars(final)
        return Bars({"speculative": (math.log(self.speculative), 1), **final})
