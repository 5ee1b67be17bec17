"""Rooms to train in: impulse responses by the image source method (Allen and Berkley 1979).

Needs the package pyroomacoustics (Scheibler et al. 2018)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

ROOMS = 400
"""Different rooms that are made, each when it is first drawn."""
ORDER = 12
"""Reflections that are followed."""
SMALLEST, LARGEST = (2.0, 2.0, 2.2), (9.0, 7.0, 3.5)
"""Metres."""
REVERBERATION = (0.12, 0.7)
"""Seconds until the sound has fallen by 60 dB."""


def room(rate: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Impulse responses of a drawn room at ``rate`` Hz, to a speaker and to a noise, the direct
    sound first."""
    return _responses(int(rng.integers(ROOMS)), rate)


@lru_cache(maxsize=ROOMS)
def _responses(number: int, rate: int) -> tuple[np.ndarray, np.ndarray]:
    from pyroomacoustics import Material, ShoeBox, inverse_sabine

    rng = np.random.default_rng(number)
    size = rng.uniform(SMALLEST, LARGEST)
    absorption = 1.0
    while absorption >= 1:  # A large room cannot be as dry as any small one.
        try:
            absorption, _ = inverse_sabine(rng.uniform(*REVERBERATION), size)
        except ValueError:
            continue
    shoebox = ShoeBox(size, fs=rate, materials=Material(absorption), max_order=ORDER)
    speaker, microphone, noise = (rng.uniform(0.3, size - 0.3) for _ in range(3))
    for place in (speaker, noise):
        shoebox.add_source(place)
    shoebox.add_microphone(microphone)
    shoebox.compute_rir()
    near, far = (_from_direct(response, float(np.linalg.norm(place - microphone)), rate)
                 for response, place in zip(shoebox.rir[0], (speaker, noise), strict=True))
    return near, far


def _from_direct(response: np.ndarray, distance: float, rate: int) -> np.ndarray:
    """``response`` from its direct sound on, which came over ``distance`` metres and then has
    the level 1."""
    from pyroomacoustics import constants

    early = constants.get("frac_delay_length") // 2  # The package delays every response by this.
    first = round(distance / constants.get("c") * rate) + early
    kept = response[first:]
    return kept / max(float(np.abs(kept[:2]).max()), 1e-12)
