"""Plug-ins of somebody else, one of every kind, found through entry points."""
