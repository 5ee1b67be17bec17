"""The reference recognizer: its network, its training, and the weights that ship."""
