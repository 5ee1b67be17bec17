"""A recognizer in as few lines as it takes: what docs/extending.md shows."""

from dataclasses import dataclass

from evalkit.core.types import Hypothesis, Word


@dataclass(frozen=True)
class Counting:
    """Hears a word for every tenth of a second."""

    word: str = "on"
    rate = 16_000
    batch = 8
    needs_audio = True

    @property
    def identity(self):
        return repr(self)

    def transcribe(self, batch):
        return [self._hear(round(10 * audio.duration)) for audio in batch]

    def _hear(self, n):
        words = tuple(Word(self.word, i / 10, (i + 1) / 10) for i in range(n))
        return Hypothesis(" ".join(word.text for word in words), words, confidence=1.0)
