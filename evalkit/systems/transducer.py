"""The reference streaming recognizer, which comes with evalkit: evaluated, and taught further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest
from evalkit.core.types import Audio, Cost, Hypothesis, Recording
from evalkit.models import SHIPPED
from evalkit.systems.identity import bytes_in

if TYPE_CHECKING:
    from torch import Tensor

    from evalkit.core.lattices import WordLattice
    from evalkit.models.transducer.beam import Prefix
    from evalkit.models.transducer.network import Transducer
    from evalkit.models.transducer.phrases import Trie
    from evalkit.models.transducer.stream import Hearing, Search

WIDEST = 32
MOST_BOOST = 20.0
TOGETHER = 8
"""Recordings that are heard together."""
LONGEST = 30.0
"""In seconds: where one is longer each is heard by itself, since together they are as long as the
longest."""


@dataclass(frozen=True)
class TransducerRecognizer:
    """The reference transducer (evalkit.models.transducer). ``weights`` is a file that `evalkit
    train transducer` or `evalkit mitigate` wrote; the one that evalkit ships where it is None.
    ``beam`` is how many texts are followed at a time: 1 takes the best label each time, and
    more, up to WIDEST, give the others as alternatives, with log-probabilities as confidence.
    ``phrases`` is a file of phrases that are listened for (evalkit.models.transducer.phrases), each
    of whose labels is raised by ``boost`` nats; a network that attends to phrases has the list,
    too. Its matrices are compressed when they are read (evalkit.models.compression): rounded to so
    many ``bits``, with one step a tensor or one for each row (``scales``), a share ``zeros`` of all
    of them 0, of larger matrices more. Kernels compute with them as with any others: it takes fewer
    bytes, and as many multiplications."""

    weights: Path | str | None = None
    beam: int = 1
    phrases: Path | None = None
    boost: float = 1.0
    bits: int = 32
    zeros: float = 0.0
    scales: Literal["tensor", "row"] = "tensor"

    rate = 16_000
    needs_audio = True
    output = ("joint.output.",)

    def __post_init__(self) -> None:
        if not 1 <= self.beam <= WIDEST:
            raise ConfigError(f"transducer: beam {self.beam}: must be from 1 to {WIDEST}")
        if not 0 <= self.boost <= MOST_BOOST:
            raise ConfigError(f"transducer: boost {self.boost}: must be from 0 to "
                              f"{MOST_BOOST:g} nats a label")
        self._check_compression()
        if self.phrases and self.beam == 1:
            raise ConfigError("transducer: phrases need a beam, such as beam: 8")
        if self.phrases and not Path(self.phrases).is_file():
            raise ConfigError(f"{self.phrases}: no such file of phrases; write one a line")
        if not self._path.is_file():
            raise ConfigError(f"{self._path}: no such weights; `evalkit train transducer` makes "
                              "some, and without the option the shipped ones are used")

    def _check_compression(self) -> None:
        """Raises ConfigError for an option that says no compression."""
        if not 2 <= self.bits <= 32:
            raise ConfigError(f"transducer: bits {self.bits}: must be from 2 to 32")
        if not 0 <= self.zeros < 1:
            raise ConfigError(f"transducer: zeros {self.zeros}: must be a share from 0 to below 1")
        if self.scales not in ("tensor", "row"):
            raise ConfigError(f"transducer: scales {self.scales!r}: must be tensor or row")

    @property
    def batch(self) -> int:
        """A beam is wide by itself."""
        return TOGETHER if self.beam == 1 else 1

    @property
    def _is_compressed(self) -> bool:
        return self.bits < 32 or self.zeros > 0

    @property
    def identity(self) -> str:
        smaller = (f", {self.bits} bits a {self.scales}, {self.zeros:g} zeros shared out"
                   if self._is_compressed else "")
        beam = f", beam {self.beam}" if self.beam > 1 else ""
        phrases = "" if self.phrases is None else (
            f", phrases sha256:{digest(Path(self.phrases))}, boost {self.boost:g}")
        return f"Transducer sha256:{digest(self._path)}{smaller}{beam}{phrases}"

    @property
    def cost(self) -> Cost:
        """On a second of silence; of a network that decides by what it hears what it computes,
        where it computes everything."""
        from evalkit.models.compression import coded_bytes
        from evalkit.models.torch_cost import cost_of, second
        from evalkit.models.transducer.decisions import decides, forced

        size = (coded_bytes(dict(self.module.named_parameters()), self.bits, self.scales)
                if self._is_compressed else bytes_in(self._path))
        cost = cost_of(self.module, lambda: self.transcribe([second(self.rate)]), size)
        if not decides(self.module):
            return cost
        with forced(self.module, to_compute=True):
            most = cost_of(self.module, lambda: self.transcribe([second(self.rate)]), size)
        return replace(most, unknown=f"at most; {cost.macs_per_second:,.0f} on silence, since what "
                                     "is computed depends on what is heard")

    @property
    def _path(self) -> Path:
        return Path(self.weights or SHIPPED / "transducer.safetensors")

    @cached_property
    def module(self) -> Transducer:
        """The network, read when it is first asked for. Raises ConfigError where it cannot be."""
        from evalkit.models.compression import compress
        from evalkit.models.transducer.network import Transducer

        module = Transducer.load(self._path)
        if self._is_compressed:
            compress(module, self.bits, self.zeros, self.scales)
        return module

    @property
    def further_input(self) -> tuple[str, int]:
        """What the encoder's recurrent layers hear."""
        return "encoder.normalise", self.module.config.channels

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each, of lower-case words with the times at which they were said: to the
        bit what a stream of it ends with, also where several are heard together."""
        from evalkit.models.transducer.stream import heard
        from evalkit.models.transducer.whole import hypotheses

        module = self.module.eval()
        if self.beam == 1 and len(batch) > 1 and module.config.exact_together and all(
                audio.duration <= LONGEST for audio in batch):
            return hypotheses(module, [audio.samples for audio in batch])
        return [heard(module, audio.samples, self._search) for audio in batch]

    def lattices(self, batch: Sequence[Audio]) -> list[WordLattice]:
        """Of the texts that the beam ended with (evalkit.models.transducer.lattice). Raises
        ConfigError where there is none."""
        if self.beam == 1:
            raise ConfigError("transducer: lattices need a beam, such as beam: 16")
        return [self._lattice(audio) for audio in batch]

    def _lattice(self, audio: Audio) -> WordLattice:
        from evalkit.models.transducer.lattice import lattice
        from evalkit.models.transducer.stream import Hearing

        module = self.module.eval()
        stream = Hearing(module, self._search)
        stream.push(audio.samples)
        return lattice(module, cast("Sequence[Prefix]", stream.guesses()))

    def open(self, rate: int) -> Hearing:
        """A stream at ``rate`` Hz, which is 16,000."""
        from evalkit.models.transducer.stream import Hearing

        return Hearing(self.module.eval(), self._search)

    @property
    def _search(self) -> Callable[[Transducer], Search]:
        from torch import inference_mode

        from evalkit.models.transducer.beam import Beam
        from evalkit.models.transducer.stream import Greedy

        if self._trie is None:
            return Greedy if self.beam == 1 else partial(Beam, width=self.beam)
        with inference_mode():
            listed = self.module.eval().listed(self._trie.phrases)
        return partial(Beam, width=self.beam, phrases=self._trie, listed=listed)

    @cached_property
    def _trie(self) -> Trie | None:
        """The phrases. Raises ConfigError where the file cannot be read."""
        from evalkit.models.transducer.phrases import Trie, read_phrases

        if self.phrases is None:
            return None
        config = self.module.config
        return Trie(read_phrases(Path(self.phrases), config), config, self.boost)

    def spell(self, text: str) -> list[int]:
        return self.module.config.encode(text)

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        return self.module.loss([r.wave for r in batch], [r.text for r in batch])

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        """Log-posteriors at every node of each utterance's lattice, one after the other."""
        return self.module.posteriors([r.wave for r in batch], [r.text for r in batch])

    def save(self, path: Path) -> None:
        """A file for the option ``weights``. One of a network with a cohort input, which this
        class does not have, is refused there."""
        self.module.save(path)
