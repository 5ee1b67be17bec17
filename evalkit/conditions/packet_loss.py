"""Speech that comes over a network which loses packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.audio import fit
from evalkit.conditions.recipe import identity, number
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio, Utterance

VERSION = 1
"""Changes whenever the same options would give other samples."""


@dataclass(frozen=True)
class PacketLoss:
    """Loses a share ``packet_loss`` of the packets of ``ms`` milliseconds, each for itself or in
    bursts of ``burst`` packets on average (two states, Gilbert 1960, Bell System Technical
    Journal 39, pp. 1253-1265).

    A packet that is lost is silence; where ``concealed`` it is the last one that came, at half the
    level for every packet lost since. Which are lost follows from ``seed`` and the utterance's id;
    what is lost of packets each for itself is lost at every greater share too. Raises ConfigError
    for a share or a length that there cannot be."""

    packet_loss: float
    ms: float = 20.0
    burst: float | None = None
    concealed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.packet_loss <= 1:
            raise ConfigError(f"packet_loss must be a share from 0 to 1, not {self.packet_loss:g}")
        if not 1 <= self.ms <= 1000:
            raise ConfigError(f"ms must be from 1 to 1000 milliseconds, not {self.ms:g}")
        if self.burst is not None and not max(1.0, self._shortest) <= self.burst <= 1e6:
            raise ConfigError(f"burst must be at least {max(1.0, self._shortest):g} packets where "
                              f"{self.packet_loss:g} of them are lost, not {self.burst:g}")

    @property
    def _shortest(self) -> float:
        """Packets that a burst has at least, when one follows another after a single packet."""
        return self.packet_loss / max(1 - self.packet_loss, 1e-9)

    @property
    def identity(self) -> str:
        return identity(f"packet loss {self.packet_loss:g}", VERSION, self.packet_loss, self.ms,
                        self.burst, self.concealed, self.seed)

    def bind(self, utterances: Sequence[Utterance]) -> PacketLoss:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """``speech`` as it comes out."""
        size, n = max(1, round(self.ms / 1000 * speech.rate)), len(speech.samples)
        packets = fit(speech.samples, -(-n // size) * size).reshape(-1, size)
        lost = self._lost(len(packets), utterance)
        came = concealed(packets, lost) if self.concealed else packets * ~lost[:, None]
        return Audio(came.reshape(-1)[:n].astype(np.float32), speech.rate)

    def _lost(self, count: int, utterance: Utterance) -> np.ndarray:
        """Whether each packet is."""
        draws = np.random.default_rng(number(self.seed, "packet loss", utterance.id)).random(count)
        if self.burst is None:
            return draws < self.packet_loss
        stays, enters = 1 - 1 / self.burst, self._shortest / self.burst
        lost, chance = np.zeros(count, bool), self.packet_loss
        for index, draw in enumerate(draws):
            lost[index] = draw < chance
            chance = stays if lost[index] else enters
        return lost


def concealed(packets: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """``packets`` (packets, samples), in place of each that is ``lost`` the last one that came, at
    half the level for each packet lost since; silence where none has come."""
    index = np.arange(len(lost))
    last = np.maximum.accumulate(np.where(lost, -1, index))
    fading = np.where(last < 0, 0.0, 0.5 ** np.minimum(index - last, 60))
    return packets[np.maximum(last, 0)] * fading[:, None]
