"""Tests of what is measured in sessions of several speakers."""
