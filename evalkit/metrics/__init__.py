"""What is measured of an utterance: its words, its sound; and trials between speakers."""
