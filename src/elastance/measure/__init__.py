"""Energy windows over devices, power recordings and their analysis, and power limits that are always restored."""

__all__: list[str] = []
