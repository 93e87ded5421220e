import multiprocessing
from concurrent.futures import ProcessPoolExecutor

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
    with pytest.raises(InputError, match="on CPUs and CUDA only, and the model is on meta"):
        pin_kernels(torch.device("meta"))


def test_on_cuda_a_workspace_must_be_fixed_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:2")
    with pytest.raises(InputError, match="CUBLAS_WORKSPACE_CONFIG=:4096:8 python"):
        pin_kernels(torch.device("cuda:0"))
    assert environment(Level.D2)["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


def test_on_cuda_what_can_be_pinned_is(monkeypatch: pytest.MonkeyPatch):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
        settings = elsewhere.submit(settings_after_pinning_cuda).result()
    assert settings.pop("deterministic") is True
    assert settings == dict.fromkeys(settings, False)


def settings_after_pinning_cuda() -> dict[str, bool]:
    """Needs no GPU: PyTorch keeps the settings all the same."""
    pin_kernels(torch.device("cuda"))
    backends = torch.backends
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled() and backends.cudnn.deterministic,
        "cudnn": backends.cudnn.enabled,
        "autotuning": backends.cudnn.benchmark,
        "tf32": backends.cudnn.allow_tf32 or backends.cuda.matmul.allow_tf32,
        "reduced sums": backends.cuda.matmul.allow_fp16_reduced_precision_reduction
        or backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        "fused attention": backends.cuda.flash_sdp_enabled() or backends.cuda.mem_efficient_sdp_enabled(),
    }
