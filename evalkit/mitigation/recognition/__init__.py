"""Can the disparity of a recognizer be mended: further training for the cohorts served worst."""

from evalkit.mitigation.recognition.config import RecognitionConfig
from evalkit.mitigation.recognition.experiment import run_recognition

__all__ = ["RecognitionConfig", "run_recognition"]
