"""The GPU types elastance knows: names, memory and the power limits they were measured at."""

from __future__ import annotations

from dataclasses import dataclass

from elastance.errors import UnknownNameError


@dataclass(frozen=True)
class GpuType:
    """One GPU type.

    Attributes:
        name: Short lower-case name, as in trace file names and on the command line.
        model: Vendor's product name.
        architecture: Vendor's architecture name.
        memory_gib: Device memory, GiB.
        power_limits_w: Power limits the public traces were measured at, ascending, W.
    """

    name: str
    model: str
    architecture: str
    memory_gib: int
    power_limits_w: tuple[int, ...]

    @property
    def max_power_w(self) -> int:
        """Largest power limit, W."""
        return self.power_limits_w[-1]


GPUS: tuple[GpuType, ...] = (
    GpuType("v100", "NVIDIA Tesla V100 PCIe", "Volta", 32, tuple(range(100, 251, 25))),
    GpuType("a40", "NVIDIA A40", "Ampere", 48, tuple(range(100, 301, 25))),
    GpuType("rtx6000", "NVIDIA Quadro RTX 6000", "Turing", 24, (*range(100, 251, 25), 260)),
    GpuType("p100", "NVIDIA Tesla P100 PCIe", "Pascal", 16, tuple(range(125, 251, 25))),
)
"""The four GPU types of the public Zeus traces, in the order of the paper's tables."""


ASSUMED_IDLE_POWER_W = {
    "a10": 25.0,
    "t4": 10.0,
    "a40": 30.0,
    "v100": 40.0,
    "p100": 30.0,
    "rtx6000": 20.0,
    "k80": 25.0,
}
"""What GPU types are taken to draw while they wait, W; assumed, not measured."""

ASSUMED_BUSY_POWER_W = {
    "a10": 150.0,
    "t4": 70.0,
    "a40": 300.0,
    "v100": 300.0,
    "p100": 250.0,
    "rtx6000": 260.0,
    "k80": 150.0,
}
"""What GPU types are taken to draw while they train: their board power, W; assumed, not measured.

V100 is the SXM2 board of EasyScale's cluster here, where the Zeus traces are of the PCIe board. A K80 is one of
the two GPUs of its board of 300 W.
"""


def find_gpu(name: str) -> GpuType:
    """Return the GPU type called `name` (case does not matter).

    Raises:
        UnknownNameError: No such GPU type; the message lists the nearest names.
    """
    for gpu in GPUS:
        if gpu.name == name.lower():
            return gpu
    raise UnknownNameError("GPU", name, (gpu.name for gpu in GPUS))
