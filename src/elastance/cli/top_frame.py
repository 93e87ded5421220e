"""One frame of `elastance top`: two lines per device, one where the terminal is too low; 80 columns are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.measure.live import LiveReading

_BAR = 14
_LEAST_SPARK = 8
_GIB = 1 << 30
_MADE_UP = {"model": "simulated", "replay": "replayed"}


class Glyphs(NamedTuple):
    """What a frame is drawn with; bars and sparklines have a character per step, from nothing to full."""

    bar: str
    spark: str
    track: str
    degrees: str


UNICODE = Glyphs(" ▏▎▍▌▋▊▉█", "▁▂▃▄▅▆▇█", "·", "°C")
ASCII = Glyphs(" #", "_.-=*#", ".", " C")


def frame(
    readings: Sequence[LiveReading],
    elapsed_s: float,
    *,
    width: int,
    height: int | None = None,
    glyphs: Glyphs = UNICODE,
    hint: str = "",
) -> Text:
    """Return one frame.

    Args:
        readings: One per device.
        elapsed_s: Since the joules are counted, s.
        width: Columns there are; 80 at least.
        height: Lines there are; None = as many as needed.
        glyphs: What to draw with.
        hint: What the user can do.
    """
    lines = [_title(readings, elapsed_s, width, hint)]
    made_up = _made_up(readings)
    if made_up:
        lines.append(Text(made_up, style="yellow"))
    room = None if height is None else height - len(lines)
    named = room is None or room >= 2 * len(readings)
    for number, reading in enumerate(readings):
        if room is not None and not named and number >= room - 1 and number < len(readings) - 1:
            lines.append(Text(f"... and {len(readings) - number} more; --devices chooses", style="dim"))
            break
        if named:
            lines.append(_name(reading, width))
        label = "      " if named else set_cell_size(_label(reading), 6)
        lines.append(_figures(reading, label, width, glyphs))
    return Text("\n").join(lines)


def _title(readings: Sequence[LiveReading], elapsed_s: float, width: int, hint: str) -> Text:
    minutes, seconds = divmod(int(elapsed_s), 60)
    powers = [reading.power_w for reading in readings if reading.power_w is not None]
    count = "1 device" if len(readings) == 1 else f"{len(readings)} devices"
    title = Text("elastance top", style="bold")
    title.append(f"  {count}  {minutes // 60}:{minutes % 60:02d}:{seconds:02d}", style="not bold")
    title.append(f"  {sum(powers):,.0f} W" if powers else "  - W")
    title.append(f"  {total_joules(readings)}")
    return _spread(title, Text(hint, style="dim"), width)


def total_joules(readings: Sequence[LiveReading]) -> str:
    """Return the energy of all devices that gave a reading."""
    from elastance.cli.output import joules

    known = [reading.energy_j for reading in readings if reading.energy_j is not None]
    return joules(sum(known)) if known else "- J"


def _made_up(readings: Sequence[LiveReading]) -> str:
    words = [_MADE_UP[of.device.provenance] for of in readings if of.device.provenance in _MADE_UP]
    kinds = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    return f"{kinds}: their numbers are not measured on hardware" if words else ""


def _name(reading: LiveReading, width: int) -> Text:
    origin = Text(f"{reading.device.id} {reading.source}", style="dim")
    name = Text(set_cell_size(_label(reading), 6) + reading.device.name, style="bold")
    room = width - origin.cell_len - 2
    if name.cell_len > room:
        name.truncate(room, overflow="ellipsis")
    return _spread(name, origin, width)


def _label(reading: LiveReading) -> str:
    return f"{reading.device.kind}{reading.device.index}"


def _spread(left: Text, right: Text, width: int) -> Text:
    gap = max(1, width - left.cell_len - right.cell_len)
    return Text.assemble(left, " " * gap, right) if right else left


def _figures(reading: LiveReading, label: str, width: int, glyphs: Glyphs) -> Text:
    from elastance.cli.output import joules

    line = Text(label)
    if reading.power_w is None and reading.failure:
        room = width - len(label) - 11
        energy = joules(reading.energy_j)
        why = reading.failure.removeprefix(f"{reading.device.name} ({reading.device.id}) ")
        line.append(set_cell_size(f"no reading: {why}", room), style="red")
        return line.append(f"{energy:>11}")
    limit_w = reading.power_limit_w
    line.append_text(_bar(reading.power_w, limit_w, glyphs))
    power = "-" if reading.power_w is None else f"{reading.power_w:.0f}"
    line.append(f"{power:>5}" + (f" / {limit_w:<3.0f} W" if limit_w is not None else "       W"))
    line.append(
        "     -" if reading.temperature_c is None else f"{reading.temperature_c:4.0f}{glyphs.degrees}"
    )
    line.append("     -" if reading.utilization is None else f"{100 * reading.utilization:4.0f} %")
    line.append(f"{_memory(reading.memory_bytes):>15}")
    line.append(f"{joules(reading.energy_j):>9}", style="bold" if reading.failure is None else "red")
    room = width - line.cell_len - 1
    if room >= _LEAST_SPARK:
        line.append(f" {_sparkline(reading, room, glyphs)}", style="cyan")
    return line


def _memory(memory_bytes: tuple[int, int] | None) -> str:
    if memory_bytes is None:
        return "-"
    used, total = memory_bytes
    return f"{used / _GIB:.1f}/{total / _GIB:.1f} GiB"


def _bar(power_w: float | None, limit_w: float | None, glyphs: Glyphs) -> Text:
    if power_w is None or not limit_w:
        return Text(" " * _BAR)
    share = min(1.0, max(0.0, power_w / limit_w))
    steps = len(glyphs.bar) - 1
    filled, part = divmod(round(share * _BAR * steps), steps)
    drawn = glyphs.bar[-1] * filled + (glyphs.bar[part] if part else "")
    style = "red" if share > 0.97 else "yellow" if share > 0.8 else "green"
    return Text(drawn, style=style).append(glyphs.track * (_BAR - cell_len(drawn)), style="dim")


def _sparkline(reading: LiveReading, width: int, glyphs: Glyphs) -> str:
    """Power over the last readings, from nothing to the limit or, without one, the highest among them."""
    recent = reading.recent_w[-width:]
    top_w = reading.power_limit_w or max((power for power in recent if power is not None), default=0.0)
    highest = len(glyphs.spark) - 1

    def step(power_w: float) -> int:
        return min(highest, int(power_w / top_w * len(glyphs.spark))) if top_w > 0 else 0

    return "".join(" " if power is None else glyphs.spark[step(power)] for power in recent).rjust(width)
