"""What evalkit is tried with that goes wrong: one module a kind of trouble, each with ``tried``."""
