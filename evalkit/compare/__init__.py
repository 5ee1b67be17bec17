"""Is the new version worse, and for whom: gates between two runs."""
