"""A made-up powercap directory, as the kernel lays it out."""

from pathlib import Path

RANGE_UJ = 262_143_328_850
"""What an Intel server reports: about 262 kJ until the counter begins again."""


def write_zone(
    directory: Path, name: str, energy_uj: int | str = 1_000_000, range_uj: int = RANGE_UJ
) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "name").write_text(f"{name}\n")
    (directory / "energy_uj").write_text(f"{energy_uj}\n")
    (directory / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return directory


def write_two_sockets(root: Path) -> Path:
    """Lay out two packages with their parts, the platform zone and the memory-mapped double, side by side."""
    (root / "intel-rapl").mkdir(parents=True)
    for socket in (0, 1):
        write_zone(root / f"intel-rapl:{socket}", f"package-{socket}", 50_000_000 + socket)
        write_zone(root / f"intel-rapl:{socket}:0", "core", 40_000_000)
        write_zone(root / f"intel-rapl:{socket}:1", "dram", 7_000_000 + socket)
    write_zone(root / "intel-rapl:2", "psys", 99_000_000)
    write_zone(root / "intel-rapl-mmio:0", "package-0", 50_000_000)
    return root
