"""A random generator's state as JSON, so that a restored policy draws what it would have drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from elastance.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from elastance.policies.contract import Json


def generator_state(rng: np.random.Generator) -> dict[str, Json]:
    """Return the state of `rng`; its 128-bit numbers are written as strings, which every JSON reader keeps."""
    state = cast("dict[str, Any]", rng.bit_generator.state)
    return {
        "bit_generator": state["bit_generator"],
        "state": {name: str(value) for name, value in state["state"].items()},
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def restore_generator(rng: np.random.Generator, state: Json) -> None:
    """Set `rng` to `state`, as `generator_state` returned it.

    Raises:
        InputError: `rng` is of another kind than the one that was saved.
    """
    saved = cast("dict[str, Any]", state)
    kind = cast("dict[str, Any]", rng.bit_generator.state)["bit_generator"]
    if saved["bit_generator"] != kind:
        raise InputError(f"the saved random state is of {saved['bit_generator']}, the generator is {kind}")
    words = {name: int(value) for name, value in saved["state"].items()}
    rng.bit_generator.state = {**saved, "state": words}
