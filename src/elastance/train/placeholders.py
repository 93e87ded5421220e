"""Values in place of ``{name}`` in a command."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from elastance.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def fill_command(command: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """Put values in place of ``{name}`` anywhere in the words of a command; ``{{`` and ``}}`` are braces.

    Raises:
        InputError: A placeholder is malformed, unknown or has no value.
    """
    return ["".join(_parts(word, values)) for word in command]


def _parts(word: str, values: Mapping[str, object]) -> list[str]:
    try:
        parts = list(string.Formatter().parse(word))
    except ValueError as error:
        raise InputError(f"{word!r}: {error}; write {{{{ and }}}} for braces") from None
    filled: list[str] = []
    for literal, name, spec, conversion in parts:
        filled.append(literal)
        if name is None:
            continue
        if spec or conversion:
            raise InputError(f"{word!r}: a placeholder is a name only, as in {{{name}}}")
        if name not in values:
            raise UnknownNameError(f"placeholder in {word!r}:", name, values)
        if values[name] is None:
            raise InputError(f"{word!r}: there is no {name.replace('_', ' ')} to put in its place")
        filled.append(str(values[name]))
    return filled
