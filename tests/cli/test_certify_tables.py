"""What `elastance certify` prints of a made-up certificate."""

from dataclasses import replace
from pathlib import Path

import pytest

from elastance.cli.certify_tables import show_certificate
from elastance.elastic.certificate import Certificate, Difference, RunOutcome, Spread
from elastance.elastic.operators import report

TIME = Spread(0.1, 0.1, 0.1)
DDP = RunOutcome("DDP", "D1", "2x1", 4, TIME, Spread(0.2, 0.2, 0.2), 10**8, 2 * 10**8, None, 4e6)
RUN = replace(DDP, what="elastic", placement="1x2", cpu_time_s=Spread(0.15, 0.1, 0.2), differing=(0,) * 4)
BROKEN = replace(RUN, differing=(0, 1, 1, 1), difference=Difference(0, 1, "parameter w", 0.25, 3, 8))
CERTIFICATE = Certificate(
    command=("python", "train.py"),
    workers=2,
    level="D1",
    steps_asked=4,
    tensors=5,
    reference=DDP,
    runs=(RUN,),
    prices=(),
    operators=None,
    environment={
        "processor": "Abacus",
        "instructions": "AVX2",
        "device": "cpu",
        "torch": "2.13.0",
        "threads": 1,
    },
)


def test_equal_bits_are_one_sentence_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_certificate(CERTIFICATE, Path("here") / "certificate.html")
    out = capsys.readouterr().out
    assert out.startswith(CERTIFICATE.verdict)
    assert "DDP, 2 processes" in out
    assert "1x2" in out
    assert "Holds for Abacus (AVX2), cpu, PyTorch 2.13.0, 1 thread(s) per process." in out
    assert "here/certificate.html" in out
    assert "price" not in out


def test_differences_prices_and_refused_operators(capsys: pytest.CaptureFixture[str]) -> None:
    operators = report(["aten.convolution.default", "aten.nll_loss2d_forward.default"])
    show_certificate(replace(CERTIFICATE, runs=(BROKEN,), prices=(DDP, RUN), operators=operators), None)
    out = capsys.readouterr().out
    assert (
        "1x2 differs from step 1 on: parameter w, executor 0; 3 of 8 elements differ, by at most 0.25" in out
    )
    [priced] = [line for line in out.splitlines() if line.startswith("D1 ")]
    assert " ".join(priced.split()) == "D1 1x2 equal 150 ms 0.75 100 ms 1.00 200 MB 1.00 4 MB 1.00"
    assert "Level D2: convolutions run on vendor-tuned kernels" in out
    assert "D2 on CUDA refuses aten.nll_loss2d_forward.default" in out
