"""How fast evalkit is, beside what it is measured against."""
