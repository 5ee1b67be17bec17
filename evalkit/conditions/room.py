"""Speech in a room, by the image source method (Allen and Berkley 1979, J. Acoust. Soc. Am. 65(4),
pp. 943-950).

Needs the package pyroomacoustics (Scheibler et al. 2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from evalkit.conditions.recipe import identity, number
from evalkit.conditions.reverberation import Reference, Response, heard_through
from evalkit.conditions.reverberation_time import absorption_for
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio, Heard, Utterance

if TYPE_CHECKING:
    from pyroomacoustics import ShoeBox

VERSION = 1
"""Changes whenever the same options would give other samples."""
SHORTEST, LONGEST = 0.1, 1.2
"""Seconds of reverberation."""
NEAREST, FARTHEST = 0.1, 8.0
"""Metres between mouth and microphone."""
SMALLEST, LARGEST = (2.5, 2.5, 2.4), (10.0, 8.0, 4.0)
"""Metres, of rooms that are drawn."""
MARGIN = 0.3
"""Metres from the walls to mouth and microphone."""
SABINE = 24 * math.log(10)
"""Times the volume over the absorbing area and the speed of sound: the reverberation time."""
TRIES = 5_000
Range = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A room of ``size`` in metres, where its mouth and its microphone are, and its seconds of
    reverberation."""

    size: tuple[float, ...]
    mouth: tuple[float, ...]
    microphone: tuple[float, ...]
    reverberation: float

    @property
    def distance(self) -> float:
        """Metres from the mouth to the microphone."""
        return math.dist(self.mouth, self.microphone)


@dataclass(frozen=True)
class Room:
    """Speech in a room that reverberates for ``room`` seconds (T30, ISO 3382-2): walls, floor and
    ceiling absorb as much as makes it so. One number, or two between which it is drawn.

    ``distance`` in metres from the mouth to the microphone is given in the same way, ``size``
    (length, width, height) is drawn where None. An utterance is heard in one of ``rooms`` rooms,
    drawn by ``seed`` and its id. The direct sound is in time with the speech and has its level;
    ``reference`` is what metrics compare with (evalkit.conditions.reverberation). Raises
    ConfigError for what there is no room for."""

    room: float | Range
    distance: float | Range = (0.5, 3.0)
    size: tuple[float, float, float] | None = None
    reference: Reference = "direct"
    rooms: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        _check_range("room", "s", self.room, SHORTEST, LONGEST)
        _check_range("distance", "m", self.distance, NEAREST, FARTHEST)
        if not 1 <= self.rooms <= 10_000:
            raise ConfigError(f"rooms must be from 1 to 10000, not {self.rooms}")
        if self.size is not None:
            self._check_size(np.array(self.size))

    def _check_size(self, size: np.ndarray) -> None:
        if not (size >= 1).all() or not (size <= 50).all():
            raise ConfigError("size must be length, width and height from 1 to 50 m")
        least, longest = driest(size), math.hypot(*(size - 2 * MARGIN))
        if least > np.min(self.room):
            raise ConfigError(f"room: one of {_metres(size)} m reverberates for {least:.2f} s or "
                              f"more, not {np.min(self.room):g}; give a smaller size, or more")
        if np.max(self.distance) > longest:
            raise ConfigError(f"distance: {np.max(self.distance):g} m do not fit into a room of "
                              f"{_metres(size)} m; at most {longest:.1f} do")

    @cached_property
    def identity(self) -> str:
        said = " to ".join(f"{value:g}" for value in np.atleast_1d(self.room))
        return identity(f"room {said} s", VERSION, version("pyroomacoustics"), self.room,
                        self.distance, self.size, self.reference, self.rooms, self.seed)

    def bind(self, utterances: Sequence[Utterance]) -> Room:
        return self

    def drawn(self, utterance: Utterance) -> Place:
        """Where ``utterance`` is heard. Raises UtteranceError of kind NoRoom."""
        index = number(self.seed, "room", utterance.id) % self.rooms
        rng = np.random.default_rng(number(self.seed, "place", index))
        lasting = float(np.interp(rng.random(), (0, 1), np.resize(self.room, 2)))
        away = float(np.interp(rng.random(), (0, 1), np.resize(self.distance, 2)))
        for _ in range(TRIES):
            size = np.array(self.size or rng.uniform(SMALLEST, LARGEST))
            microphone = rng.uniform(MARGIN, size - MARGIN)
            direction = rng.standard_normal(3)
            mouth = microphone + away * direction / np.linalg.norm(direction)
            if driest(size) <= lasting and ((mouth >= MARGIN) & (mouth <= size - MARGIN)).all():
                return Place(tuple(size), tuple(mouth), tuple(microphone), lasting)
        raise UtteranceError("NoRoom", f"no room of {lasting:.2f} s in which mouth and microphone "
                                       f"are {away:.1f} m apart was found; give a shorter "
                                       "distance or more reverberation")

    def apply(self, speech: Audio, utterance: Utterance) -> Audio | Heard:
        """``speech`` as it arrives. Raises UtteranceError of kind NoRoom."""
        response = response_of(self.drawn(utterance), speech.rate)
        return heard_through(response, speech, self.reference)


def _check_range(name: str, unit: str, given: float | Range, least: float, most: float) -> None:
    low, high = np.resize(given, 2)
    if not least <= low <= high <= most:
        raise ConfigError(f"{name} must be from {least:g} to {most:g} {unit}, or a list of the "
                          f"least and the most, not {given}")


def _metres(size: np.ndarray) -> str:
    return " x ".join(f"{each:g}" for each in size)


def driest(size: np.ndarray) -> float:
    """Seconds of reverberation by Sabine where all that reaches the walls is absorbed."""
    area = 2 * (size.prod() / size).sum()
    return float(SABINE * size.prod() / area / 343.0)


@lru_cache(maxsize=64)
def response_of(place: Place, rate: int) -> Response:
    """The impulse response from the mouth to the microphone, at ``rate`` Hz, as long as it
    reverberates. The way of the direct sound is made a whole number of samples."""
    with _one_thread():
        return _response(place, rate)


def _response(place: Place, rate: int) -> Response:
    from pyroomacoustics import constants

    speed = constants.get("c")
    late = max(1, round(place.distance / speed * rate))
    box = _images(place, late * speed / rate, rate)
    source = box.sources[0]
    ways = np.linalg.norm(source.images - box.mic_array.R, axis=0)
    kept = ways <= late * speed / rate + place.reverberation * speed
    absorption = absorption_for(place.reverberation, source.orders, ways / speed)
    source.damping = (1 - absorption) ** (source.orders[None] / 2)
    box.visibility = [kept[None] & box.visibility[0].astype(bool)]
    box.compute_rir()
    direct = late + constants.get("frac_delay_length") // 2  # By which all of it is delayed.
    samples = box.rir[0][0]
    return Response(samples / samples[direct], direct, rate)


def _images(place: Place, distance: float, rate: int) -> ShoeBox:
    """The room with the images of its mouth, which is moved to that ``distance``, for walls that
    absorb nothing."""
    from pyroomacoustics import Material, ShoeBox, constants

    size, microphone = np.array(place.size), np.array(place.microphone)
    way = (np.array(place.mouth) - microphone) / place.distance
    # How far a reflection gets at least between walls: as pyroomacoustics' inverse_sabine has it.
    step = min(a * b / math.hypot(a, b) for a, b in ((size[0], size[1]), (size[0], size[2]),
                                                     (size[1], size[2])))
    order = math.ceil(place.reverberation * constants.get("c") / step)
    box = ShoeBox(size, fs=rate, materials=Material(0.0), max_order=order)
    box.add_source(microphone + distance * way)
    box.add_microphone(microphone)
    box.image_source_model()
    return box


@contextmanager
def _one_thread() -> Iterator[None]:
    """How sums are split among threads changes their rounding."""
    from pyroomacoustics import constants

    before = constants.get("num_threads")
    constants.set("num_threads", 1)
    try:
        yield
    finally:
        constants.set("num_threads", before)
