"""n-gram language models, and rescoring with them."""
