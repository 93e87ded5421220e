"""What a recurring job is, as `elastance tune init` writes it down."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from elastance.cost import EtaCost
from elastance.errors import InputError, NotSupportedError
from elastance.job import Job
from elastance.policies import (
    DEFAULT_POLICY,
    PolicyPair,
    Problem,
    Restorable,
    build_policy,
    find_policy,
)
from elastance.train.learning_rate import LearningRateRule, learning_rate_for
from elastance.train.limit_profile import whole_limits
from elastance.train.tuning.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.devices import Device
    from elastance.policies.contract import Json

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class TuningJob:
    """One recurring job and how it is to be tuned.

    Attributes:
        name: What it is called.
        batch_sizes: On offer, ascending.
        default_batch_size: The user's own.
        target: As `Target.parse` reads it.
        max_epochs: Bound on the length of a run, epochs.
        max_power_w: Largest power of all its devices together, W.
        power_limits_w: Limits on offer for each device, ascending, W; one if limits cannot be set.
        eta, beta, window_size: See `Problem`.
        policy: What chooses.
        learning_rate: What suits the default batch size; None if the command takes none.
        learning_rate_rule: A `LearningRateRule`, by value.
        optimizer: Its name; needed by the rule ``"auto"``, and told in exported traces.
        seed: Of the policy's randomness; run i is given seed + i.

    Raises:
        InputError: A value is out of range, or the policy cannot be saved between runs.
    """

    name: str
    batch_sizes: tuple[int, ...]
    default_batch_size: int
    target: str
    max_epochs: int
    max_power_w: float
    power_limits_w: tuple[int, ...]
    eta: float = 0.5
    beta: float = 2.0
    window_size: int = 0
    policy: str = DEFAULT_POLICY
    learning_rate: float | None = None
    learning_rate_rule: str = LearningRateRule.SQRT.value
    optimizer: str | None = None
    seed: int = 1
    problem: Problem = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"job name {self.name!r}: expected letters, digits, dots, dashes and underscores"
            )
        self.scaled_learning_rate(self.default_batch_size)  # refuses a rule or a rate that cannot be used
        if self.seed < 0:
            raise InputError(f"seed {self.seed} is negative")
        if math.isnan(self.max_power_w) or not 0.0 < self.max_power_w < math.inf:
            raise InputError(f"largest power {self.max_power_w} W is not a positive number")
        target = Target.parse(self.target)
        job = Job(
            self.name,
            "script",
            self.optimizer or "script",
            target.value,
            self.max_epochs,
            self.default_batch_size,
        )
        limits = dict.fromkeys(sorted(self.batch_sizes), self.power_limits_w)
        cost = EtaCost(self.eta, self.max_power_w)
        object.__setattr__(self, "problem", Problem(job, limits, cost, self.beta, self.window_size))

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> TuningJob:
        """Return the job that `to_json` wrote."""
        lists = ("batch_sizes", "power_limits_w")
        fields: dict[str, Any] = {key: tuple(of) if key in lists else of for key, of in document.items()}
        return cls(**fields)

    def to_json(self) -> dict[str, Any]:
        """Return everything the job was made of."""
        return {name: value for name, value in asdict(self).items() if name != "problem"}

    def policies(self, state: Mapping[str, Json] | None = None) -> PolicyPair:
        """Build the policies, at the beginning or where `state` stood.

        Raises:
            InputError: A policy cannot be saved between runs.
        """
        pair = build_policy(find_policy(self.policy), self.problem, np.random.default_rng(self.seed))
        for policy, part in zip(
            (pair.batch_size, pair.power_limit), ("batch_size", "power_limit"), strict=True
        ):
            if not isinstance(policy, Restorable):
                raise InputError(
                    f"policy {self.policy} has no state() and restore(): it cannot outlive a process"
                )
            if state is not None and not (part == "power_limit" and policy is pair.batch_size):
                policy.restore(cast("dict[str, Json]", state[part]))
        return pair

    def scaled_learning_rate(self, batch_size: int) -> float | None:
        """Return the learning rate for a batch size; None if there is none to scale."""
        scaled = learning_rate_for(
            batch_size,
            default_batch_size=self.default_batch_size,
            default_learning_rate=1.0 if self.learning_rate is None else self.learning_rate,
            rule=self.learning_rate_rule,
            optimizer=self.optimizer,
        )
        return None if self.learning_rate is None else scaled


def state_of(policies: PolicyPair) -> dict[str, Json]:
    """Return what `TuningJob.policies` restores."""
    saved: dict[str, Json] = {}
    for part, policy in (("batch_size", policies.batch_size), ("power_limit", policies.power_limit)):
        if isinstance(policy, Restorable):
            saved[part] = policy.state()
    return saved


def offered_power(
    devices: Sequence[Device], max_power_w: float | None = None
) -> tuple[float, tuple[int, ...]]:
    """Return the largest power of all devices together, and the limits on offer for each, from low to high, W.

    Args:
        devices: What the job runs on.
        max_power_w: What all of them may draw together, where they do not tell, W.

    Raises:
        InputError: A device has no power limit, and nobody says what it may draw.
        DeviceError: A device cannot be asked.
    """
    try:
        ranges = [device.power_limits() for device in devices]
    except NotSupportedError as error:
        if max_power_w is None:
            raise InputError(f"{error}: say with --max-power what all devices may draw together") from None
        return max_power_w, (max(1, round(max_power_w)),)
    limits_w = whole_limits(max(one.min_w for one in ranges), min(one.max_w for one in ranges))
    most_together_w = sum(one.max_w for one in ranges) if max_power_w is None else max_power_w
    return most_together_w, tuple(sorted(limits_w))
