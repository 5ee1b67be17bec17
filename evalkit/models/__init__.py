"""Networks and signal processing, one folder a model, and the weights that ship."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "weights"
"""Folder of the weights that evalkit ships; card.md in it says how they came about."""
