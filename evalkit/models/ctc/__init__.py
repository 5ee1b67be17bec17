"""The reference recognizer's network: connectionist temporal classification of characters."""
