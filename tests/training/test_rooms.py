"""Rooms to train in: what an impulse response of one must be."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pyroomacoustics")

from evalkit.training.rooms import REVERBERATION, room

RATE = 16_000


def seconds_to_fall(response: np.ndarray, decibels: float) -> float:
    """Until the energy that is still to come is ``decibels`` below all of it (Schroeder 1965)."""
    left = np.cumsum(response[::-1] ** 2)[::-1]
    return int(np.argmax(left < left[0] * 10 ** (-decibels / 10))) / RATE


def test_the_direct_sound_of_the_speaker_comes_first_and_the_room_fades() -> None:
    for seed in range(8):
        near, far = room(RATE, np.random.default_rng(seed))
        assert near[0] == np.abs(near[:8]).max() >= 0.5 * np.abs(near).max()
        assert np.isfinite(near).all()
        assert np.isfinite(far).all()
        assert seconds_to_fall(near, 20) < REVERBERATION[1]


def test_a_room_follows_from_the_generator() -> None:
    one, other = (room(RATE, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], room(RATE, np.random.default_rng(4))[0])
