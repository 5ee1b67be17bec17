"""Sessions of several speakers: who said what and when, what was heard, and every error of it."""
