"""Made-up power logs."""

import numpy as np

SECOND = 10**9
START = 1_657_678_056_708_783_111
"""When they begin, ns since 1970."""


def make_log(times_ns, powers_mw, header: str = "Time,Power", extra: str = "") -> bytes:
    """Write a power log; `extra` goes at the end of every line."""
    stamps = [str(np.datetime64(time_ns, "ns")).replace("T", " ") for time_ns in times_ns]
    lines = [f"{stamp},{power}{extra}" for stamp, power in zip(stamps, powers_mw, strict=True)]
    return "\n".join([header, *lines, ""]).encode()


def eleven_seconds() -> bytes:
    """Write eleven samples, a second apart: 100, 101 ... 110 W."""
    return make_log([START + k * SECOND for k in range(11)], [1000 * (100 + k) for k in range(11)])
