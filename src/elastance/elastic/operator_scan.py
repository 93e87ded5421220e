"""Note every operator that PyTorch dispatches while a training step runs, with the phase and module it belongs to."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from elastance.elastic.operators import Operator

if TYPE_CHECKING:
    from types import TracebackType

_internal: Any = torch._C  # pyright: ignore[reportPrivateUsage] (nothing public tells a backward pass)
_OUTSIDE_A_BACKWARD_PASS = -1


class OperatorScan:
    """Notes operators while the block runs; numbers do not change by it.

        with OperatorScan(model, optimizer) as scan:
            loss(model(inputs), targets).backward()
            optimizer.step()
        print(report(scan.operators()).verdict)

    Args:
        model: Names its modules.
        optimizer: Whose steps are told apart; None for none.
    """

    def __init__(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        untyped: Any = model
        self._names: dict[int, str] = {id(module): name for name, module in untyped.named_modules() if name}
        self._optimizer: Any = optimizer
        self._within: list[str | None] = []
        self._updates = False
        self._calls: Counter[str] = Counter()
        self._phases: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._modules: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._hooks: list[Any] = []
        self._mode: Any = _Listening(self)

    def __enter__(self) -> OperatorScan:
        self._hooks = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, always_call=True),
        ]
        if self._optimizer is not None:
            self._hooks += [
                self._optimizer.register_step_pre_hook(self._begin_update),
                self._optimizer.register_step_post_hook(self._end_update),
            ]
        self._mode.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mode.__exit__(kind, error, trace)
        for hook in self._hooks:
            hook.remove()

    def operators(self) -> list[Operator]:
        """What was noted, in the order of first calls."""
        return [
            Operator(name, calls, tuple(self._phases[name]), tuple(self._modules[name]))
            for name, calls in self._calls.items()
        ]

    def note(self, name: str) -> None:
        """An operator is dispatched."""
        backward = _internal._current_graph_task_id() != _OUTSIDE_A_BACKWARD_PASS
        module = next((name for name in reversed(self._within) if name), None)
        if backward:
            phase = "backward"
        elif self._updates:
            phase = "optimizer"
        else:
            phase = "forward" if self._within else "other"
        self._calls[name] += 1
        self._phases[name][phase] = None
        if phase == "forward" and module is not None:
            self._modules[name][module] = None

    def _enter_module(self, module: torch.nn.Module, inputs: Any) -> None:  # noqa: ANN401
        del inputs
        self._within.append(self._names.get(id(module)))

    def _leave_module(self, module: torch.nn.Module, inputs: Any, outputs: Any) -> None:  # noqa: ANN401
        del module, inputs, outputs
        self._within.pop()

    def _begin_update(self, *of_hook: Any) -> None:  # noqa: ANN401
        del of_hook
        self._updates = True

    def _end_update(self, *of_hook: Any) -> None:  # noqa: ANN401
        del of_hook
        self._updates = False


class _Listening(TorchDispatchMode):
    def __init__(self, scan: OperatorScan) -> None:
        untyped: Any = super()
        untyped.__init__()
        self._scan = scan

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        del types
        if str(func).startswith("aten."):
            self._scan.note(str(func))
        return func(*args, **(kwargs or {}))
