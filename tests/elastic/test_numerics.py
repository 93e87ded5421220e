import pytest
import torch

from elastance.elastic import Level
from elastance.elastic.numerics import DEVICE_TYPES, environment, pin_kernels
from elastance.errors import InputError


def test_at_d2_every_type_has_the_same_settings_where_they_decide():
    pinned = environment(Level.D2)
    assert pinned["OMP_NUM_THREADS"] == "1"
    for device_type in DEVICE_TYPES:
        assert pinned.items() <= environment(Level.D2, device_type).items()


def test_below_d2_every_type_has_its_own_best():
    assert environment(Level.D1) == {}
    assert environment(Level.D1, "cpu-avx2")["ATEN_CPU_CAPABILITY"] == "avx2"


def test_pinning_needs_settings_from_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MKL_CBWR", raising=False)
    with pytest.raises(
        InputError, match="ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE OMP_NUM_THREADS=1 python"
    ):
        pin_kernels(torch.device("cpu"))
    with pytest.raises(InputError, match="on CPUs only, and the model is on cuda:0"):
        pin_kernels(torch.device("cuda:0"))
