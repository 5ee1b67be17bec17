"""The reference recognizer, of connectionist temporal classification: its network, its training
from scratch, and the card that describes its weights."""
