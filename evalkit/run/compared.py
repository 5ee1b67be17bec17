"""What was said and heard in a shard in which texts are compared and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from evalkit.core.alignment import Edits
from evalkit.core.alignments import align_all
from evalkit.metrics import at_once
from evalkit.metrics.at_once import Counting
from evalkit.metrics.normalisers import normaliser
from evalkit.metrics.tokens import mixed, unparted, words
from evalkit.metrics.words import WordErrors
from evalkit.run.plan import Shard
from evalkit.run.shard import metric_of

LONGEST = 2_000
"""Characters of a text that is compared with others at once."""


@dataclass(frozen=True)
class Comparison:
    """What was said and heard in a shard, ``heard`` as in SCHEMAS["recognised"]."""

    shard: Shard
    heard: pa.Table

    @cached_property
    def metrics(self) -> list[Counting]:
        """Those of the shard, all of which count."""
        return [metric for metric in map(metric_of, self.shard.cell.metrics)
                if at_once.is_counted(metric)]

    @cached_property
    def hypotheses(self) -> list[str | None]:
        return self.heard["text"].to_pylist()

    @cached_property
    def normalised(self) -> Mapping[str, tuple[list[str | None], list[str | None]]]:
        """References and hypotheses by normaliser, "" where there is nothing to normalise."""
        said = [utterance.text or "" for utterance in self.shard.utterances]
        heard = [text or "" for text in self.hypotheses]
        names = {self.shard.cell.words.normaliser, *(each.normaliser for each in self.metrics)}
        return {name: (at_once.each(normaliser(name), said), at_once.each(normaliser(name), heard))
                for name in names}

    @cached_property
    def plain(self) -> np.ndarray:
        """The places of the utterances of which all metrics count."""
        return np.array([i for i in range(len(self.hypotheses)) if self._is_plain(i)], np.int64)

    @cached_property
    def odd(self) -> list[int]:
        """The places of the others."""
        return np.setdiff1d(np.arange(len(self.hypotheses)), self.plain).tolist()

    def _is_plain(self, i: int) -> bool:
        said, heard = self.shard.utterances[i].text, self.hypotheses[i]
        if said is None or heard is None or max(len(said), len(heard)) > LONGEST:
            return False
        if any(text is None for pair in self.normalised.values() for text in (pair[0][i],
                                                                              pair[1][i])):
            return False
        return all(at_once.is_plain(each, self.normalised[each.normaliser][0][i] or "")
                   for each in self.metrics)

    def texts(self, name: str) -> tuple[list[str], list[str]]:
        """The plain references and hypotheses under the normaliser ``name``."""
        said, heard = self.normalised[name]
        return [said[i] or "" for i in self.plain], [heard[i] or "" for i in self.plain]

    @cached_property
    def aligned(self) -> tuple[list[str], Edits]:
        """Of the plain utterances the alignments that are shown, as JSON, and their edits."""
        options = self.shard.cell.words
        said, heard = self.texts(options.normaliser)
        units = [mixed if unparted(text) else words for text in said]  # as WordOptions.align has it
        return align_all([unit(text) for unit, text in zip(units, said, strict=True)],
                         [unit(text) for unit, text in zip(units, heard, strict=True)],
                         options.costs)

    def edits(self, metric: Counting) -> Edits:
        """Of the plain utterances, as ``metric`` counts; those of words may be known."""
        options = self.shard.cell.words
        if isinstance(metric, WordErrors) and (metric.normaliser, metric.costs) == (
                options.normaliser, options.costs):
            said, _ = self.normalised[metric.normaliser]
            if not any(unparted(said[i] or "") for i in self.plain):
                return self.aligned[1]
        return at_once.edits(metric, *self.texts(metric.normaliser))
