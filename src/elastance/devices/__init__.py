"""What the hardware says: energy counters, power, limits; real, simulated and replayed behind one contract."""

from elastance.devices.contract import CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits

__all__ = ["CounterInfo", "Device", "DeviceInfo", "DeviceKind", "PowerLimits"]
