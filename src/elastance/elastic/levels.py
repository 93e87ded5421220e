"""How much determinism a job pays for."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """What stays bit for bit the same, what that does to the numerics, and what it costs.

    After EasyScale (SC'23). Up to D1 kernels are never exchanged: what differs is the
    state that a logical worker finds, and the order in which gradients are added.
    """

    NONE = "none"
    """Nothing is promised: ordinary elastic training.

    Logical workers of an executor share its random numbers and its BatchNorm buffers, one after the other;
    gradients are added as they come, then over the executors. The least memory: one sum of gradients, whatever
    the number of workers.
    """

    D0 = "D0"
    """The same placement from begin to end gives the same bits, and those of DDP.

    Each logical worker has its own random numbers (Python, NumPy, PyTorch, device) and starts from the buffers
    of worker 0; gradients are added in the order of DDP over gloo, in DDP's buckets. Costs a switch of context
    per logical worker and mini-batch, and host memory for one gradient per hosted worker. A restart starts as
    DDP's does, with the initial bucket layout for one step, and so goes on with other bits than a run without
    it.
    """

    D1 = "D1"
    """Any placement on executors of one kind gives the same bits, through restarts.

    D0, and the bucket layout is kept in the checkpoint: a restart adds in the same order as a run without it.
    Executors must compute alike: same processor type, number of intra-op threads, PyTorch. Costs what D0 costs.
    """

    D2 = "D2"
    """Any placement on x86 processors of unlike types gives the same bits.

    D1, and kernels are pinned to what all types have: no vector instructions beyond the oldest, MKL's compatible
    code, no oneDNN, one thread. Bits are those of DDP with the same settings, not of DDP without them. Costs
    the speed of vector instructions. Needs settings made before PyTorch is imported.

    On CUDA: deterministic algorithms only, no cuDNN, no fused attention, no TF32. PyTorch cannot pin what cuBLAS
    chooses, nor random numbers that follow the GPU's size: between unlike GPUs nothing is promised, certify.
    """

    @property
    def follows_ddp(self) -> bool:
        """Whether logical workers have contexts of their own and gradients are added in DDP's order."""
        return self is not Level.NONE

    @property
    def keeps_layout(self) -> bool:
        """Whether the bucket layout survives a restart."""
        return self in (Level.D1, Level.D2)

    @property
    def pins_kernels(self) -> bool:
        """Whether every executor uses kernels that all types have."""
        return self is Level.D2
