"""What the hardware says: energy counters, power, limits; real, simulated and replayed behind one contract."""

from elastance.devices.contract import Clock, CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits

__all__ = ["Clock", "CounterInfo", "Device", "DeviceInfo", "DeviceKind", "PowerLimits"]
