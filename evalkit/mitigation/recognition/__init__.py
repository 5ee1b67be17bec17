"""Fine-tuning of a recognizer for the cohorts with the highest error rates."""

from evalkit.mitigation.recognition.config import RecognitionConfig
from evalkit.mitigation.recognition.experiment import run_recognition

__all__ = ["RecognitionConfig", "run_recognition"]
