"""Tests of streaming recognition."""
