"""How a voice pronounces the letters, as the reference recognizer hears it."""
