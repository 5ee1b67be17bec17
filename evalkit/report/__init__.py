"""One static page of a run."""
