"""The page of a certificate stands alone, says what was found, and trusts no name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from elastance.elastic.certificate import Certificate, Difference, RunOutcome, Spread
from elastance.elastic.operators import report
from elastance.figures.certificate_page import certificate_page, strip

TIME = Spread(0.1, 0.09, 0.12)
DDP = RunOutcome("DDP", "D1", "4x1", 10, TIME, TIME, 10**8, 4 * 10**8, None, 6e6)
EQUAL = RunOutcome("elastic", "D1", "2x2", 10, TIME, TIME, 10**8, 2 * 10**8, None, 3e6, (0,) * 10)
BROKEN = replace(
    EQUAL,
    placement="3:2+1+1",
    differing=(0,) * 4 + (2,) * 5 + (5,),
    difference=Difference(1, 4, "parameter <b>0.weight</b>", 1.5e-8, 3, 9),
)
CERTIFICATE = Certificate(
    command=("python", "train <x>.py"),
    workers=4,
    level="D1",
    steps_asked=50,
    tensors=5,
    reference=DDP,
    runs=(EQUAL, BROKEN),
    prices=(DDP, replace(EQUAL, level="none"), replace(DDP, level="D2"), replace(EQUAL, level="D2")),
    operators=report(["aten.convolution.default", "aten.nll_loss2d_forward.default"]),
    environment={"cores": 2, "threads": 1, "torch": "2.13.0", "device_types": ["cpu", "cpu-sse"]},
)


class Balanced(HTMLParser):
    """Fails where an element is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(certificate: Certificate) -> str:
    page = certificate_page(certificate, ["elastance", "certify", "--", *certificate.command])
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    return page


def test_it_says_where_bits_differ_and_by_how_much() -> None:
    page = page_of(CERTIFICATE)
    assert (
        "the bits are not those of DDP with 4 processes: 1 of 2 placements differs, from step 4 on." in page
    )
    assert "3 of 9 elements, by at most 1.5e-08" in page
    assert "3 executors hosting 2, 1, 1" in page
    assert "steps 4 to 8: 2 of 5 tensors differ" in page
    assert "The script ended after 10 steps" in page
    assert "shared 2 cores" in page
    assert "refused on CUDA: aten.nll_loss2d_forward.default" in page
    assert "DDP with D2&#39;s kernels" in page
    assert "0.50 \u00d7" in page
    assert "cpu, cpu-sse" in page


def test_it_loads_nothing_and_trusts_no_name() -> None:
    page = page_of(CERTIFICATE)
    assert not re.search(r"<script|<link|<img|https?:|url\(|@import", page)
    assert "<b>0.weight" not in page
    assert "parameter &lt;b&gt;0.weight&lt;/b&gt;" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_without_prices_and_operators_it_says_how_to_have_them() -> None:
    page = page_of(replace(CERTIFICATE, runs=(EQUAL,), prices=(), operators=None, steps_asked=10))
    assert (
        "the bits are those of DDP with 4 processes on 1 placement: 5 tensors after each of 10 steps." in page
    )
    assert "--levels none,D0,D1,D2" in page
    assert "Not scanned" in page
    assert "were asked for" not in page


def test_a_strip_joins_steps_that_are_alike() -> None:
    marks = strip(BROKEN.differing, 5)
    assert [mark.title for mark in marks] == [
        "steps 0 to 3: equal",
        "steps 4 to 8: 2 of 5 tensors differ",
        "step 9: 5 of 5 tensors differ",
    ]
    assert [mark.equal for mark in marks] == [True, False, False]
    assert sum(mark.width for mark in marks) == 720
    assert marks[0].height == marks[2].height > marks[1].height
    assert strip((), 5) == []
