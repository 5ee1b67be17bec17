"""Training of a speaker encoder with weights on samples or pairs, to reduce a disparity."""

from evalkit.mitigation.verification.config import VerificationConfig
from evalkit.mitigation.verification.experiment import run_verification

__all__ = ["VerificationConfig", "run_verification"]
