"""What a network of torch takes: its weights, and its multiply-accumulates.

Those are what torch's own formulas say of matrix products and convolutions, of which they count
two operations for each; what works number by number is not counted. A layer that is one
operator of a library, recurrent or of attention, would not be seen by it: such libraries are
switched off, and torch's own attention on a processor is counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from evalkit.core.types import Audio, Cost
from evalkit.models.tensors import without_mkldnn


def second(rate: int) -> Audio:
    """What recognizers and encoders are given: a second of silence at ``rate`` Hz."""
    return Audio(np.zeros(rate, np.float32), rate)


def cost_of(module: nn.Module, run: Callable[[], Any], size: int, *, seconds: float = 1.0,
            writes: bool = False) -> Cost:
    """Of ``module``, whose files have ``size`` bytes and which ``run`` gives so many ``seconds`` of
    audio. Of one that ``writes`` token by token, ``run`` is of the encoder alone: what a decoder
    takes depends on the text."""
    weights = sum(weight.numel() for weight in module.parameters())
    counter = _Counter()
    with _operator_by_operator(), counter:
        run()
    return Cost(weights, size, counter.operations / 2 / seconds,
                f"of its encoder alone, on {seconds:g} s" if writes else "")


def _attention(query: Tensor, key: Tensor, value: Tensor, *_others: Any, **_options: Any) -> int:
    """Floating point operations of attention, of tensors (n, heads, frames, width): those of its
    two products of matrices."""
    return 2 * query[..., 0].numel() * key.shape[2] * (query.shape[3] + value.shape[3])


FORMULAS: Mapping[Any, Callable[..., int]] = {
    **flop_registry, torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
"""By operator, of its arguments."""
_PARTS = torch._C.DispatchKey.CompositeImplicitAutograd
"""Names the kernels that compute an operator by others."""


class _Counter(TorchDispatchMode):
    """Counts the floating point ``operations`` in its block by the formulas of FlopCounterMode,
    which would load torch's compiler: 70 MB, which would stand in the peak of a worker's memory."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch keeps its compiler from what is here, for which it would load it."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        formula = FORMULAS.get(func.overloadpacket)
        if formula is None and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _PARTS):
            with self:  # as func.decompose does, whose kernels in Python load as much
                return func._op_dk(_PARTS, *args, **options)
        made = func(*args, **options)
        self.operations += formula(*args, **options, out_val=made) if formula else 0
        return made


@contextmanager
def _operator_by_operator() -> Iterator[None]:
    """torch computes a layer by the operators that it is made of."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with without_mkldnn(), torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
