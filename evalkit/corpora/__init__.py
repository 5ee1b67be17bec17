"""Corpora: made, imported, checked, and played under conditions such as noise."""
