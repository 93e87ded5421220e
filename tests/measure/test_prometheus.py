"""The exporter, scraped over HTTP and read with Prometheus' own parser."""

import json
import re
import socket
import urllib.request
from itertools import islice

import pytest
from prometheus_client.parser import text_string_to_metric_families

from elastance.devices.simulated import simulated_devices
from elastance.errors import InputError
from elastance.measure.live import LiveReading, live_readings
from elastance.measure.prometheus import LABELS, Exporter, dashboard
from made_up_time import Now


def _readings(spec: str, count: int = 11) -> tuple[LiveReading, ...]:
    now = Now(7.0)

    def wait(seconds: float) -> bool:
        now.s += seconds
        return False

    return list(islice(live_readings(simulated_devices(spec, clock=now), 1.0, wait=wait, clock=now), count))[
        -1
    ]


def _scrape(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for family in families.values():
        assert family.documentation
        assert all(set(sample.labels) == set(LABELS) for sample in family.samples)
    return families


def _values(family) -> dict[str, float]:
    return {sample.labels["id"]: sample.value for sample in family.samples}


def test_a_scrape_shows_the_newest_readings() -> None:
    early, late = _readings("sim:v100,a40", 6), _readings("sim:v100,a40", 11)
    with Exporter(0, "127.0.0.1", early) as exporter:
        assert _values(_scrape(exporter.url)["elastance_energy_joules"])["SIM-v100-0"] == early[0].energy_j
        exporter.collector.readings = late
        families = _scrape(exporter.url)
    energy = families["elastance_energy_joules"]
    assert energy.type == "counter"
    assert {sample.name for sample in energy.samples} == {"elastance_energy_joules_total"}
    assert _values(energy) == {of.device.id: of.energy_j for of in late}
    assert _values(families["elastance_power_watts"]) == {of.device.id: of.power_w for of in late}
    assert _values(families["elastance_power_limit_watts"]) == {"SIM-v100-0": 250, "SIM-a40-1": 300}
    assert set(_values(families["elastance_device_up"]).values()) == {1}
    assert {sample.labels["provenance"] for sample in energy.samples} == {"model"}
    assert energy.samples[0].labels["name"] == late[0].device.name


def test_a_lost_device_has_no_power_rather_than_none() -> None:
    with Exporter(0, "127.0.0.1", _readings("sim:v100x2,lost=5")) as exporter:
        families = _scrape(exporter.url)
    assert _values(families["elastance_device_up"]) == {"SIM-v100-0": 1, "SIM-v100-1": 0}
    assert _values(families["elastance_power_watts"]).keys() == {"SIM-v100-0"}
    assert _values(families["elastance_energy_joules"]).keys() == {"SIM-v100-0", "SIM-v100-1"}


def test_closing_frees_the_port() -> None:
    readings = _readings("sim:v100", 1)
    with Exporter(0, "127.0.0.1", readings) as exporter:
        port = int(exporter.url.split(":")[-1].split("/")[0])
        with pytest.raises(
            InputError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"
        ):
            Exporter(port, "127.0.0.1", readings)
    with Exporter(port, "127.0.0.1", readings):
        pass


@pytest.mark.parametrize(("port", "host"), [(70_000, "127.0.0.1"), (-1, "127.0.0.1"), (0, "192.0.2.1")])
def test_where_it_cannot_listen(port: int, host: str) -> None:
    with pytest.raises(InputError, match=f"cannot listen on {host} port {port}: ."):
        Exporter(port, host, ())


def test_version_6_addresses_make_a_url() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        exporter = Exporter(0, "::1", ())
    except InputError:
        pytest.skip("no IPv6 here")
    with exporter:
        assert exporter.url.startswith("http://[::1]:")


def test_the_dashboard_asks_only_for_what_is_exported() -> None:
    document = json.loads(dashboard())
    with Exporter(0, "127.0.0.1", _readings("sim:v100", 2)) as exporter:
        families = _scrape(exporter.url)
    exported = {sample.name for family in families.values() for sample in family.samples}
    asked = set(re.findall(r"elastance_\w+", json.dumps(document)))
    assert asked == exported
    numbers = [panel["id"] for panel in document["panels"]]
    assert len(set(numbers)) == len(numbers) == 10
