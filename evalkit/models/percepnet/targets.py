"""What the network is to say of a frame: gains and comb strengths, from the clean speech."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet.bands import CENTRES, TINY
from evalkit.models.percepnet.frames import SPACING

MASKING = 0.03
"""Noise that a tone masks, as a share of its energy (-15 dB), so that it may be left."""


def gains(clean: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    """g_b = ||X_b|| / ||Y_b|| in [0, 1] from energies of equal shape; 0 where both are silent."""
    return np.sqrt(np.clip(clean / (noisy + TINY), 0, 1))


def strengths(q_x: np.ndarray, q_y: np.ndarray, noise_gain: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
    """The share r of the comb's output in each band that makes the mixture as coherent with the
    pitch as the clean speech is, q_x, and by how much to attenuate a band in which even r = 1
    is not enough; both in [0, 1]. ``q_y`` is the noisy coherence, ``noise_gain`` the filter's
    sigma_p^2; all are broadcast.

    With q_p, the coherence of the comb's output, r = alpha / (1 + alpha), where alpha is the
    positive root of the quadratic that (q_y + alpha q_p) / ||y + alpha p|| = q_x comes to."""
    q_p = q_y / np.sqrt((1 - noise_gain) * q_y**2 + noise_gain)
    a = q_p**2 - q_x**2
    b = q_p * q_y * (1 - q_x**2)
    root = np.sqrt(np.maximum(b**2 + a * (q_x**2 - q_y**2), 0))
    # (root - b) / a without a difference of what may be equal, nor a division by a = 0
    alpha = (q_x**2 - q_y**2) / np.maximum(root + b, TINY)
    r = np.where(q_x <= q_y, 0, np.where(q_p <= q_x, 1, alpha / (1 + np.maximum(alpha, 0))))
    lacking = np.where((q_x > q_y) & (q_p <= q_x), q_p, q_x)
    return r, np.sqrt((1 + MASKING - q_x**2) / (1 + MASKING - lacking**2))


def within(bandwidth: float) -> np.ndarray:
    """True for the bands (BANDS,) whose peak lies below ``bandwidth`` Hz."""
    return np.array(CENTRES) * SPACING < bandwidth
