"""Transcripts in the field's text formats: which one a file is in, and its text by utterance."""
