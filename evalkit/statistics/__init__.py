"""Uncertainty of scores: intervals, tests and adjusted gaps, all of them over speakers."""
