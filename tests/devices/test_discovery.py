"""Selecting devices, over made-up drivers of every kind."""

import subprocess
import sys
from pathlib import Path

import pytest

from elastance.devices import find_devices
from elastance.devices.discovery import split_terms, take_inventory
from elastance.errors import InputError, NoDeviceError, NotSupportedError
from made_up_amdsmi import FakeAmdGpu, FakeAmdSmi, install
from made_up_nvml import FakeGpu, FakeNvml, put_under_the_binding
from made_up_powercap import write_two_sockets

FIRST = "GPU-11111111-aaaa-bbbb-cccc-000000000000"
SECOND = "GPU-22222222-aaaa-bbbb-cccc-000000000000"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with no device at all."""
    for variable in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(variable, raising=False)
    put_under_the_binding(None, monkeypatch)
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    monkeypatch.setenv("ELASTANCE_POWERCAP", str(tmp_path / "none"))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    nvml = FakeNvml([FakeGpu(FIRST), FakeGpu(SECOND)])
    put_under_the_binding(nvml, monkeypatch)
    return nvml


@pytest.fixture
def powercap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ELASTANCE_POWERCAP", str(write_two_sockets(tmp_path / "powercap")))


@pytest.fixture
def smi(monkeypatch: pytest.MonkeyPatch) -> FakeAmdSmi:
    smi = FakeAmdSmi([FakeAmdGpu()])
    install(smi, monkeypatch)
    monkeypatch.setattr("elastance.devices.amd._CHECK_S", 0.0)
    return smi


def ids(spec: str | None = None) -> list[str]:
    return [device.info.id for device in find_devices(spec)]


@pytest.mark.usefixtures("powercap")
def test_the_default_is_what_cuda_would_see_else_the_cpu(monkeypatch: pytest.MonkeyPatch, request) -> None:
    assert ids() == ["rapl:package-0", "rapl:package-1"]
    request.getfixturevalue("nvml")
    assert ids() == [FIRST, SECOND]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert ids() == [SECOND]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1111")
    assert ids() == [FIRST]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert ids() == ["rapl:package-0", "rapl:package-1"]


@pytest.mark.usefixtures("nvml", "powercap")
def test_the_environment_selects_and_the_option_overrides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTANCE_DEVICES", "cpu")
    assert ids() == ["rapl:package-0", "rapl:package-1"]
    assert ids("nvidia:1") == [SECOND]
    monkeypatch.setenv("ELASTANCE_DEVICES", "")
    assert ids() == [FIRST, SECOND]


@pytest.mark.usefixtures("nvml", "powercap")
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("gpu", [FIRST, SECOND]),
        ("nvidia", [FIRST, SECOND]),
        ("1", [SECOND]),
        ("nvidia:1,nvidia:0", [SECOND, FIRST]),
        (SECOND, [SECOND]),
        ("gpu-2", [SECOND]),
        ("nvidia:GPU-2", [SECOND]),
        ("0,gpu", [FIRST, SECOND]),  # none twice
        ("dram,0", ["rapl:package-0-dram", "rapl:package-1-dram", FIRST]),
        (
            "all",
            [FIRST, SECOND, "rapl:package-0", "rapl:package-1", "rapl:package-0-dram", "rapl:package-1-dram"],
        ),
    ],
)
def test_terms(spec: str, expected: list[str]) -> None:
    assert ids(spec) == expected


@pytest.mark.usefixtures("nvml")
def test_a_gpu_named_by_number_is_there_though_cuda_does_not_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert ids("0") == [FIRST]
    assert ids("nvidia") == [SECOND]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1234")
    with pytest.raises(NotSupportedError, match="MIG"):
        find_devices("gpu")


@pytest.mark.usefixtures("nvml", "smi")
def test_a_number_that_two_vendors_have_is_not_guessed() -> None:
    with pytest.raises(
        NoDeviceError, match=r"several GPUs are numbered 0.*nvidia:0 = GPU-11.*amd:0 = GPU-f1ff"
    ):
        find_devices("0")
    assert len(ids("gpu")) == 3
    assert ids("amd:0") == ["GPU-f1ff74a1-0000-1000-80aa-000000000001"]


@pytest.mark.usefixtures("nvml")
@pytest.mark.parametrize("spec", ["7", "nvidia:7", "GPU-3", "GPU-"])
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(spec: str) -> None:
    with pytest.raises(NoDeviceError, match=f"there is no one GPU.*nvidia:0 = {FIRST}"):
        find_devices(spec)


def test_simulated_devices_mix_with_real_ones(nvml: FakeNvml) -> None:
    found = find_devices("sim:v100x2,load=0.5,nvidia:0")
    assert [device.info.backend for device in found] == ["simulated", "simulated", "nvidia"]
    assert nvml.holders == 1


def test_what_was_opened_before_a_failure_is_closed(nvml: FakeNvml) -> None:
    with pytest.raises(NoDeviceError):
        find_devices("nvidia:0,cpu")
    assert nvml.holders == 0


@pytest.mark.parametrize(
    ("spec", "terms"),
    [
        ("gpu , cpu", ["gpu", "cpu"]),
        ("sim:v100x4,a40,load=0.5,seed=1,0", ["sim:v100x4,a40,load=0.5,seed=1", "0"]),
        ("replay:run,lr=3.csv,cpu", ["replay:run,lr=3.csv", "cpu"]),
        ("sim:v100,sim:a40", ["sim:v100", "sim:a40"]),
    ],
)
def test_splitting(spec: str, terms: list[str]) -> None:
    assert split_terms(spec) == terms


@pytest.mark.parametrize("spec", ["", " ", "gpu,", "tpu", "nvidia:", "cpu,load=1"])
def test_what_is_no_term_is_refused_with_what_would_be(spec: str) -> None:
    with pytest.raises(InputError, match="expected terms separated by commas"):
        find_devices(spec)


def test_a_bare_machine_says_how_to_go_on() -> None:
    for spec in (None, "all", "gpu"):
        with pytest.raises(NoDeviceError, match=r"elastance doctor.*--devices sim:v100") as raised:
            find_devices(spec)
        assert len(str(raised.value)) < 150
    with pytest.raises(NoDeviceError, match=r"libnvidia-ml.so.1 was not found"):
        find_devices("nvidia")


def test_inventories_never_raise() -> None:
    for backend in ("nvidia", "amd", "rapl"):
        found = take_inventory(backend)
        assert not found.candidates
        assert found.absence


def test_importing_loads_no_library_of_a_vendor() -> None:
    probe = (
        "import elastance.devices, sys; print([n for n in ('pynvml', 'amdsmi', 'numpy') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_file_to_replay_may_have_commas_in_its_name(tmp_path) -> None:
    profile = tmp_path / "A40+net+gpu0,1,2.csv"
    profile.touch()
    log = tmp_path / "power.csv"
    log.touch()
    spec = f"sim:v100,replay:{profile},0,replay:{log},loop=no"
    assert split_terms(spec) == ["sim:v100", f"replay:{profile}", "0", f"replay:{log},loop=no"]
