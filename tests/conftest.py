"""Shared fixtures: where the public traces are, and an environment without the user's own."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Continuous integration tries the same examples each time; everywhere else new ones are looked for.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.register_profile("default", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# A background job is deaf to Ctrl-C, one under nohup to SIGHUP, and so is all they start; tests send both.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).parents[1]


def _shared_data() -> tuple[Path | None, Path | None]:
    """Directories of the public traces and of the recorded results, where there are any."""
    named = os.environ.get("ELASTANCE_TRACES")
    bases = [Path(named)] if named else []
    bases += [ROOT.parent / "shared"]
    for base in bases:
        for traces in (base, base / "zeus", base / "data" / "zeus"):
            if (traces / "summary_train.csv").exists():
                reference = traces.parents[1] / "reference"
                return traces, reference if reference.is_dir() else None
    return None, None


PUBLIC_TRACES, REFERENCE = _shared_data()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No trace directory, no chosen devices, an empty cache and state, whatever the user has."""
    for variable in ("ELASTANCE_TRACES", "ELASTANCE_DEVICES", "ELASTANCE_POWERCAP"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ELASTANCE_STATE", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("ELASTANCE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def public_traces() -> Path:
    if PUBLIC_TRACES is None:
        pytest.skip("the public traces are not here (ELASTANCE_TRACES or ../shared)")
    return PUBLIC_TRACES


@pytest.fixture(scope="session")
def published_profiles(public_traces: Path) -> Path:
    """The directory of the four profiles that Zeus^2 published."""
    directory = public_traces.parent / "zeus2"
    if not (directory / "cifar_a10.json").exists():
        pytest.skip("the published profiles are not here (zeus2 beside the public traces)")
    return directory


@pytest.fixture(scope="session")
def easyscale(public_traces: Path) -> Path:
    """The directory of the data that EasyScale's artifact published."""
    directory = public_traces.parent / "easyscale"
    if not (directory / "workload.csv").exists():
        pytest.skip("the published cluster workload is not here (easyscale beside the public traces)")
    return directory


@pytest.fixture(scope="session")
def reference() -> Path:
    if REFERENCE is None:
        pytest.skip("the recorded results are not here (../shared/reference)")
    return REFERENCE
