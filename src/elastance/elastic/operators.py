"""Which operators of a training step depend on kernels that vendors tune, and what that means for level D2.

EasyScale (SC'23, section on heterogeneity) switches D2 on only where a scan finds no operator whose kernels differ
between devices; with convolutions it keeps a job on one type of GPU instead. This module judges operators by their
names; `elastance.elastic.operator_scan` notes those of a step.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PUBLISHED = (
    "EasyScale (SC'23, Fig. 12, GPUs) measured 1.16 to 5.47 times the step time for four convolution nets "
    "(2.6 in the mean) and 1.004 times in the mean for four attention and perceptron models"
)
"""What others measured D2 to cost, said with its source."""


class Family(StrEnum):
    """Operators whose bits depend on the choice of a kernel, by what chooses."""

    CONVOLUTION = "convolution"
    RECURRENT = "recurrent layer"
    MATRIX_PRODUCT = "matrix product"
    ATTENTION = "attention"
    BATCH_NORM = "batch norm"
    NORM = "layer or group norm"
    EMBEDDING = "embedding"
    SCATTER = "scattered sum"
    REDUCTION = "reduction"
    RANDOM = "random numbers"


class OnCuda(StrEnum):
    """What `torch.use_deterministic_algorithms` documents about an operator on CUDA."""

    UNLISTED = "not listed"
    PINNED = "nondeterministic, has a deterministic form"
    REFUSED = "nondeterministic, has no deterministic form"


@dataclass(frozen=True)
class Kernels:
    """Who chooses the kernels of a family, and what D2 leaves of that choice.

    Attributes:
        on_cpu: At D1, on a CPU.
        on_cuda: At D1, on a CUDA device.
        at_d2: With the settings of D2.
        vendor_tuned: Whether D2 gives up a library that its vendor tunes for each device, and so speed.
    """

    on_cpu: str
    on_cuda: str
    at_d2: str
    vendor_tuned: bool = False


KERNELS: dict[Family, Kernels] = {
    Family.CONVOLUTION: Kernels(
        "oneDNN, by instruction set",
        "cuDNN, by GPU type and autotuning",
        "PyTorch's own: unfolded into matrix products",
        vendor_tuned=True,
    ),
    Family.RECURRENT: Kernels(
        "oneDNN, by instruction set", "cuDNN, by GPU type", "PyTorch's own cells", vendor_tuned=True
    ),
    Family.MATRIX_PRODUCT: Kernels(
        "MKL or another BLAS, oneDNN in bfloat16, by instruction set",
        "cuBLAS, by GPU type and shape",
        "CPU: MKL's compatible code; CUDA: no TF32, but cuBLAS still chooses",
    ),
    Family.ATTENTION: Kernels(
        "PyTorch, by vector width",
        "flash or memory-efficient kernels, by GPU type",
        "plain matrix products on CUDA",
    ),
    Family.BATCH_NORM: Kernels(
        "PyTorch, by vector width",
        "cuDNN, by GPU type",
        "PyTorch's own; on CUDA its sums follow the GPU's size",
    ),
    Family.NORM: Kernels(
        "PyTorch, by vector width", "PyTorch, by GPU size", "CPU: no vectors; CUDA: as before"
    ),
    Family.EMBEDDING: Kernels("PyTorch, in order of index", "PyTorch, sorted by index", "as before"),
    Family.SCATTER: Kernels(
        "PyTorch, in order", "atomic additions, in any order", "a deterministic form, or refused"
    ),
    Family.REDUCTION: Kernels(
        "PyTorch, by vector width and threads", "PyTorch, by GPU size", "CPU: no vectors; CUDA: as before"
    ),
    Family.RANDOM: Kernels(
        "one generator, drawn in order",
        "by the GPU's number of multiprocessors",
        "CPU: as before; CUDA: as before",
    ),
}
"""What is known of each family, in the order of what D2 costs."""

_NAMES: dict[Family, str] = {  # the first that matches a whole name, without `aten.` and overload
    Family.CONVOLUTION: r".*(^|_)conv.*",
    Family.RECURRENT: r".*(rnn|lstm|gru).*",
    Family.ATTENTION: r".*(scaled_dot_product|flash_attention|efficient_attention|multi_head_attention).*",
    Family.MATRIX_PRODUCT: r"_?(add|badd)?(mm|bmm|mv)|addbmm|v?dot|matmul|(mkldnn_)?linear(_backward)?"
    r"|_scaled_mm|_addmm_activation|_trilinear|bilinear|addr|einsum",
    Family.BATCH_NORM: r".*batch_norm.*",
    Family.NORM: r".*(layer|group|instance|rms)_norm.*",
    Family.EMBEDDING: r".*embedding.*",
    Family.RANDOM: r".*dropout|rand.*|bernoulli_?|normal_?|uniform_?|exponential_?|multinomial|geometric_?|cauchy_?",
    Family.SCATTER: r"_?index_(add|put|copy|reduce)_?(_impl_?)?|scatter.*|gather|put_?|grid_sampler.*|max_unpool.*"
    r"|upsample_(linear|bilinear|bicubic|trilinear).*_backward|(reflection|replication)_pad.*_backward|histc|bincount"
    r"|_?(adaptive_avg|adaptive_max|fractional_max)_?pool.*_backward|(avg|max)_pool3d.*_backward|_ctc_loss.*"
    r"|index_select_backward|repeat_interleave|median|kthvalue",
    Family.REDUCTION: r"(nan)?(sum|mean)|prod|var|std|var_mean|.*vector_norm|norm|_foreach_norm|logsumexp"
    r"|cum(sum|prod)|_?(log_|safe_)?softmax(_backward_data)?|.*_loss.*|.*cross_entropy.*|.*avg_pool.*",
}

_PINNED = (
    r".*(^|_)conv.*|replication_pad.*_backward|_?index_put_?(_impl_?)?|scatter_?|scatter_add_?|gather|index_add_?"
    r"|index_select_backward|repeat_interleave|index_copy_?|max_pool3d.*_backward"
)
_REFUSED = (
    r"avg_pool3d_backward|_?adaptive_avg_pool[23]d_backward|adaptive_max_pool2d_backward|fractional_max_pool.*_backward"
    r"|max_unpool.*|upsample_(linear|bilinear|bicubic|trilinear).*_backward|reflection_pad.*_backward|nll_loss2d.*"
    r"|_ctc_loss_backward|put_?|histc|bincount|median|grid_sampler.*_backward|cumsum"
)


@dataclass(frozen=True)
class Operator:
    """One operator of a training step.

    Attributes:
        name: As PyTorch dispatches it, e.g. ``aten.addmm.default``.
        calls: How often it was called.
        phases: Where: ``forward``, ``backward``, ``optimizer``, ``other``.
        modules: Modules of the model whose forward pass called it, by name.
    """

    name: str
    calls: int = 1
    phases: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class FamilyUse:
    """What a step uses of one family.

    Attributes:
        family: Which.
        calls: Calls of all its operators.
        operators: Their names.
        modules: Modules of the model that call them.
        refused_on_cuda: Those for which D2 on CUDA has no deterministic form.
    """

    family: Family
    calls: int
    operators: tuple[str, ...]
    modules: tuple[str, ...]
    refused_on_cuda: tuple[str, ...]


@dataclass(frozen=True)
class OperatorReport:
    """What a training step depends on.

    Attributes:
        uses: The families in it, those that D2 costs most first.
        others: Calls of operators that are alike on every device: elementwise ones, copies, views.
    """

    uses: tuple[FamilyUse, ...]
    others: int

    @property
    def is_d2_expensive(self) -> bool:
        """Whether D2 has to give up libraries that vendors tune."""
        return any(KERNELS[use.family].vendor_tuned for use in self.uses)

    @property
    def verdict(self) -> str:
        """In a sentence or two: is D2 worth it?"""
        tuned = [use for use in self.uses if KERNELS[use.family].vendor_tuned]
        if tuned:
            what = " and ".join(f"{use.family}s{_in_modules(use.modules)}" for use in tuned)
            return f"{what} run on vendor-tuned kernels: D2 is expensive, keep the job on one type of device at D1"
        libraries = [
            use.family for use in self.uses if use.family in (Family.MATRIX_PRODUCT, Family.ATTENTION)
        ]
        if libraries:
            pinned = " and ".join(libraries)
            return f"no convolution: D2 needs vendor libraries pinned for {pinned} only; it is cheap on GPUs"
        return "no operator needs vendor-tuned kernels: D2 is cheap"

    def to_json(self) -> dict[str, Any]:
        """The report as a document."""
        return {
            "verdict": self.verdict,
            "d2_expensive": self.is_d2_expensive,
            "published": PUBLISHED,
            "families": [{**asdict(use), "kernels": asdict(KERNELS[use.family])} for use in self.uses],
            "other_calls": self.others,
        }


def family_of(name: str) -> Family | None:
    """The family of an operator; None if its bits do not depend on the choice of a kernel."""
    base = _base(name)
    return next((family for family, pattern in _NAMES.items() if re.fullmatch(pattern, base)), None)


def on_cuda(name: str) -> OnCuda:
    """What `torch.use_deterministic_algorithms` says of an operator, as documented for PyTorch 2.13."""
    base = _base(name)
    if re.fullmatch(_REFUSED, base):
        return OnCuda.REFUSED
    return OnCuda.PINNED if re.fullmatch(_PINNED, base) else OnCuda.UNLISTED


def report(operators: Iterable[Operator | str]) -> OperatorReport:
    """Judge the operators of a step.

    Args:
        operators: As noted, or just their names, one per call.
    """
    found: dict[Family, list[Operator]] = defaultdict(list)
    others = 0
    for one in operators:
        operator = Operator(one) if isinstance(one, str) else one
        family = family_of(operator.name)
        if family is None:
            others += operator.calls
        else:
            found[family].append(operator)
    return OperatorReport(tuple(_use(family, found[family]) for family in KERNELS if family in found), others)


def _use(family: Family, operators: Sequence[Operator]) -> FamilyUse:
    names = dict.fromkeys(operator.name for operator in operators)
    return FamilyUse(
        family,
        sum(operator.calls for operator in operators),
        tuple(names),
        tuple(dict.fromkeys(module for operator in operators for module in operator.modules)),
        tuple(name for name in names if on_cuda(name) is OnCuda.REFUSED),
    )


def _base(name: str) -> str:
    return name.removeprefix("aten.").removeprefix("aten::").partition(".")[0]


def _in_modules(modules: Sequence[str]) -> str:
    if not modules:
        return ""
    return f" (modules {', '.join(modules[:3])}{f' and {len(modules) - 3} more' if modules[3:] else ''})"
