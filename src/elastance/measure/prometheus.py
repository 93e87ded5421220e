"""Live readings as Prometheus metrics (extra ``prometheus``), with a Grafana dashboard that shows them.

Joules are a counter, so that ``increase(elastance_energy_joules_total[1h])`` is the energy of an hour, whatever
restarts. What a device does not tell has no sample: never a zero.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from prometheus_client.metrics_core import Metric

    from elastance.measure.live import LiveReading

LABELS = ("id", "name", "kind", "provenance")
"""Labels of every metric: identity, product name, gpu/cpu/dram, and where the joules come from."""


class LiveCollector(Collector):
    """Gives Prometheus the newest readings.

    Attributes:
        readings: The newest; replaced as a whole by whoever reads the devices.
    """

    def __init__(self, readings: Sequence[LiveReading]) -> None:
        self.readings = readings

    def collect(self) -> Iterable[Metric]:
        """Return every metric."""
        readings = self.readings
        energy = CounterMetricFamily(
            "elastance_energy_joules", "Energy since the exporter started.", labels=LABELS
        )
        power = GaugeMetricFamily("elastance_power_watts", "Power drawn now.", labels=LABELS)
        limit = GaugeMetricFamily("elastance_power_limit_watts", "Power limit.", labels=LABELS)
        temperature = GaugeMetricFamily("elastance_temperature_celsius", "Temperature.", labels=LABELS)
        busy = GaugeMetricFamily(
            "elastance_utilization_ratio", "Share of the time it was busy.", labels=LABELS
        )
        memory = GaugeMetricFamily("elastance_memory_used_bytes", "Memory in use.", labels=LABELS)
        up = GaugeMetricFamily("elastance_device_up", "1 if the device can be read, else 0.", labels=LABELS)
        for of in readings:
            labels = (of.device.id, of.device.name, of.device.kind.value, of.source.value)
            up.add_metric(labels, float(of.failure is None))
            if of.energy_j is not None:
                energy.add_metric(labels, of.energy_j)
            used = None if of.memory_bytes is None else float(of.memory_bytes[0])
            gauges = (
                (power, of.power_w),
                (limit, of.power_limit_w),
                (temperature, of.temperature_c),
                (busy, of.utilization),
                (memory, used),
            )
            for gauge, value in gauges:
                if value is not None:
                    gauge.add_metric(labels, value)
        return (energy, power, limit, temperature, busy, memory, up)


class Exporter:
    """An HTTP server for Prometheus, in a thread of its own, until it is closed.

    Args:
        port: TCP port; 0 = any that is free.
        host: Address to listen on; whoever reaches it can read the metrics.
        readings: The first readings.

    Attributes:
        collector: Where to put new readings.
        url: Where the metrics are.

    Raises:
        InputError: It cannot listen there.
    """

    def __init__(self, port: int, host: str, readings: Sequence[LiveReading]) -> None:
        self.collector = LiveCollector(readings)
        registry = CollectorRegistry()
        registry.register(self.collector)
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "ports are 0 to 65535"
            raise InputError(f"cannot listen on {host} port {port}: {reason}") from None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}/metrics"

    def close(self) -> None:
        """Stop the server and its thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Exporter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def dashboard() -> str:
    """Return the Grafana dashboard, JSON."""
    return resources.files("elastance.measure").joinpath("grafana_dashboard.json").read_text("utf-8")
