"""`elastance export`, run as its own process and scraped."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

COMMAND = [sys.executable, "-m", "elastance", "export", "--port", "0", "--interval", "0.1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop(number: signal.Signals) -> None:
    with subprocess.Popen([*COMMAND, "--devices", "sim:v100x2"], stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert "2 devices are simulated" in child.stderr.readline()
        url = child.stderr.readline().split()[2].rstrip(";")
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        child.send_signal(number)
        assert child.stderr.read() == ""
    assert child.returncode == 0
    assert {family.name for family in families} >= {"elastance_energy_joules", "elastance_power_watts"}


def test_a_device_that_is_lost_is_said_once() -> None:
    with subprocess.Popen(
        [*COMMAND, "--devices", "sim:v100,lost=0.3"], stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        said = [child.stderr.readline() for _ in range(3)]
        child.send_signal(signal.SIGINT)
        said.append(child.stderr.read())
    assert "SIM-v100-0 fails: " in said[2]
    assert said[3] == ""


def test_the_dashboard_is_printed(elastance) -> None:
    answer = elastance("export", "--dashboard")
    assert (answer.status, answer.err) == (0, "")
    assert json.loads(answer.out)["title"].startswith("elastance")


def test_without_the_extra_it_says_what_to_install(refused, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "elastance.measure.prometheus", raising=False)
    assert "pip install 'elastance[prometheus]'" in refused("export", "--devices", "sim:v100").err
