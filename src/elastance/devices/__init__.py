"""What the hardware says: energy counters, power, limits; real, simulated and replayed behind one contract."""

from elastance.devices.contract import Clock, CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits
from elastance.devices.discovery import find_devices

__all__ = ["Clock", "CounterInfo", "Device", "DeviceInfo", "DeviceKind", "PowerLimits", "find_devices"]
