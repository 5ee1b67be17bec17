"""evalkit: evaluation and fairness benchmarking for speech systems."""

__version__ = "0.1.0"
