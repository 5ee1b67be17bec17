"""Searches that finders share."""
