"""Copies to the host; CUDA is stood in for by a record of what was asked of it, in which order."""

from contextlib import contextmanager
from typing import Any

import pytest
import torch

from elastance.elastic.host_copies import CopiesAside, PlainCopies, host_copies


class FakeCuda:
    """Streams that write down what they are told; a copy asked of the side stream happens when it is waited for."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def Stream(self, device: Any) -> Any:  # noqa: N802
        del device
        return FakeStream(self.said)

    def current_stream(self, device: Any) -> str:
        del device
        return "compute"

    @contextmanager
    def stream(self, stream: Any) -> Any:
        del stream
        self.said.append("on the side")
        yield
        self.said.append("back")


class FakeStream:
    def __init__(self, said: list[str]) -> None:
        self.said = said

    def wait_stream(self, other: str) -> None:
        self.said.append(f"side waits for {other}")

    def synchronize(self) -> None:
        self.said.append("host waits for side")


@pytest.mark.parametrize("copies", [PlainCopies(), CopiesAside(torch.device("cpu"), FakeCuda())])
def test_what_arrives_is_scaled(copies: Any):
    targets = [copies.empty(2, torch.float32), copies.empty(3, torch.float64)]
    copies.copy([torch.ones(2), torch.ones(3, dtype=torch.float64)], 0.25, targets)
    copies.wait()
    assert [target.tolist() for target in targets] == [[0.25] * 2, [0.25] * 3]
    assert targets[1].dtype == torch.float64


def test_the_side_waits_for_the_compute_and_the_host_for_the_copy_before():
    cuda = FakeCuda()
    copies = CopiesAside(torch.device("cpu"), cuda)
    one_copy = ["host waits for side", "side waits for compute", "on the side", "back"]
    for _ in range(2):
        copies.copy([torch.ones(2)], 0.5, [copies.empty(2, torch.float32)])
    assert cuda.said == one_copy * 2
    copies.wait()
    assert cuda.said == [*one_copy * 2, "host waits for side"]


def test_gradients_are_held_until_their_copy_is_done():
    copies = CopiesAside(torch.device("cpu"), FakeCuda())
    copies.copy([held := torch.ones(2)], 0.5, [copies.empty(2, torch.float32)])
    assert copies._in_flight[0] is held
    copies.wait()
    assert not copies._in_flight


def test_copies_are_plain_without_one_cuda_device():
    assert isinstance(host_copies([torch.ones(1)]), PlainCopies)
    assert isinstance(host_copies([torch.ones(1), torch.ones(1, device="meta")]), PlainCopies)
