"""What the user writes to name devices that are not hardware: ``kind:what,option=value,...``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

_YES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class DeviceOptions:
    """The options of one specification, each with its default.

    Args:
        spec: The whole specification, for messages.
        given: What the user wrote, as text.
        known: Every option there is.

    Raises:
        UnknownNameError: An option is not among the known ones.
    """

    def __init__(self, spec: str, given: Mapping[str, str], known: tuple[str, ...]) -> None:
        self._spec = spec
        self._given = given
        for name in given:
            if name not in known:
                raise UnknownNameError(f"option of {spec!r}", name, known)

    def number(self, name: str, default: float, low: float = 0.0, high: float = float("inf")) -> float:
        """Return a number from `low` to `high`; `default` if it was not given.

        Raises:
            InputError: It is not such a number.
        """
        text = self._given.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high or value == float("inf"):
            bounds = f"from {low:g} to {high:g}" if high != float("inf") else f"not below {low:g}"
            raise InputError(f"{self._spec!r}: {name}={text}: expected a number {bounds}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Return yes or no; `default` if it was not given.

        Raises:
            InputError: It is neither.
        """
        text = self._given.get(name)
        if text is None:
            return default
        if text.lower() not in _YES:
            raise InputError(f"{self._spec!r}: {name}={text}: expected yes or no")
        return _YES[text.lower()]


def split_spec(spec: str, kind: str) -> tuple[list[str], dict[str, str]]:
    """Split ``kind:what,what,option=value`` into what is named and the options.

    Raises:
        InputError: The kind is another one, nothing is named, or an option is given twice.
    """
    prefix, _, rest = spec.partition(":")
    if prefix != kind:
        raise InputError(f"devices {spec!r}: expected {kind}:...")
    named: list[str] = []
    options: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            named.append(name)
        elif name in options:
            raise InputError(f"devices {spec!r}: option {name} is given twice")
        else:
            options[name] = value
    if not all(named) or not named:
        raise InputError(f"devices {spec!r}: expected {kind}:NAME,..., options as name=value")
    return named, options
