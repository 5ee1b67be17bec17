"""Recordings: files of audio, read wholly or refused."""
