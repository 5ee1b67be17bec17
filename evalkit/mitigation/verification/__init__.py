"""Can the disparity of a speaker encoder be mended: training with weights on samples or pairs."""

from evalkit.mitigation.verification.config import VerificationConfig
from evalkit.mitigation.verification.experiment import run_verification

__all__ = ["VerificationConfig", "run_verification"]
