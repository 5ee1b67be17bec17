"""One static page of a run, of sections, which other packages can add to."""
