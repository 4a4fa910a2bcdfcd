"""What runs by itself: alarms are evaluated, policies act as Application Auto Scaling does, queues are worked off."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any

from . import asynchronous, components
from . import ministack_api as cloud
from . import ministack_services as services
from .alarms import periods
from .clock import scaled
from .scalable import PREDEFINED, Scalable, scalable
from .state import Store, all_stores
from .wire import AwsError

logger = logging.getLogger(__name__)
_MINUTE = 60.0
# Target tracking: three minutes above the target to grow, fifteen well below it to shrink (Auto Scaling user guide).
_PERIODS_OUT, _PERIODS_IN, _SHRINK_BELOW = 3, 15, 0.9
_DEFAULT_COOLDOWN = 300.0
_TICKS_A_MINUTE = 6
_Key = tuple[str, str, str]


class Scaler:
    """One loop over all accounts and Regions; `tick` does one round."""

    def __init__(self) -> None:
        self._moved: dict[_Key, float] = {}
        self._grown: dict[tuple[str, str], float] = {}
        self._minute = 0.0

    def start(self) -> None:
        """Run for ever in the background."""
        threading.Thread(target=self._run, daemon=True, name="scaler").start()

    def _run(self) -> None:
        while True:
            time.sleep(scaled(_MINUTE) / _TICKS_A_MINUTE)
            now = time.time()
            whole_minute = now - self._minute >= scaled(_MINUTE)
            for state in all_stores():
                with cloud.scope(state.account, state.region):
                    self.tick(state, now, whole_minute)
            if whole_minute:
                self._minute = now

    def tick(self, state: Store, now: float, whole_minute: bool) -> None:
        """Do one round for one account and Region; policies are looked at once a minute."""
        _guarded(lambda: services.evaluate_alarms(now))
        for endpoint in list(state.endpoints.values()):
            _guarded(lambda endpoint=endpoint: asynchronous.work(endpoint))
        for key, policy in list(state.policies.items()):
            if policy["PolicyType"] == "StepScaling":
                _guarded(lambda key=key, policy=policy: self._step(state, key, policy, now))
            elif whole_minute:
                _guarded(lambda key=key, policy=policy: self._track(state, key, policy, now))
        if whole_minute:
            _guarded(lambda: _managed_instances(state))

    def _track(self, state: Store, key: _Key, policy: dict[str, Any], now: float) -> None:
        target, item = state.targets[key[:2]], scalable(key[0], key[1])
        config = policy["TargetTrackingScalingPolicyConfiguration"]
        name, statistic, dimensions = _metric_of(key[1], config, item)
        samples = services.points("AWS/SageMaker", name, dimensions)
        values = periods(samples, statistic, now=now, period=scaled(_MINUTE), count=_PERIODS_IN)
        if "CustomizedMetricSpecification" not in config and now - policy["CreationTime"] > scaled(_MINUTE) * _PERIODS_IN:
            # SageMaker publishes zeros when nobody calls (developer guide, endpoint-auto-scaling-edit).
            values = [0.0 if value is None else value for value in values]
        wanted, current = config["TargetValue"], item.get()
        recent = values[:_PERIODS_OUT]
        # From zero only a step policy leads up: a multiple of nothing is nothing.
        if current and all(value is not None and value > wanted for value in recent):
            goal = math.ceil(current * max(value for value in recent if value is not None) / wanted)
            self._move(key, target, item, goal, config.get("ScaleOutCooldown", _DEFAULT_COOLDOWN), now)
        elif (
            current
            and not config.get("DisableScaleIn")
            # What was measured with fewer of them, or with none, says nothing about now.
            and now - self._grown.get(key[:2], 0.0) > scaled(_MINUTE) * _PERIODS_IN
            and all(value is not None and value < wanted * _SHRINK_BELOW for value in values)
        ):
            # Down to what the busiest of these minutes needs; one less than now at least.
            busiest = max(value for value in values if value is not None)
            goal = min(current - 1, math.ceil(current * busiest / wanted))
            self._move(key, target, item, goal, config.get("ScaleInCooldown", _DEFAULT_COOLDOWN), now)

    def _step(self, state: Store, key: _Key, policy: dict[str, Any], now: float) -> None:
        firing = [alarm for alarm in services.alarms() if policy["PolicyARN"] in alarm["AlarmActions"]]
        # As with CloudWatch, scaling actions repeat while the alarm stands, and not only when it changes.
        if not any(alarm["StateValue"] == "ALARM" for alarm in firing):
            return
        config = policy["StepScalingPolicyConfiguration"]
        item = scalable(key[0], key[1])
        change = config["StepAdjustments"][0]["ScalingAdjustment"]
        goal = change if config["AdjustmentType"] == "ExactCapacity" else item.get() + change
        self._move(key, state.targets[key[:2]], item, goal, config.get("Cooldown", _DEFAULT_COOLDOWN), now)

    def _move(self, key: _Key, target: dict[str, Any], item: Scalable, goal: int, cooldown: float, now: float) -> None:
        goal = min(max(goal, target["MinCapacity"]), target["MaxCapacity"])
        if goal == item.get() or now - self._moved.get(key, 0.0) < scaled(cooldown):
            return
        logger.info("%s: %s to %s by %s", key[0], item.get(), goal, key[2])
        self._moved[key] = now
        if goal > item.get():
            self._grown[key[:2]] = now
        item.set(goal)


def _metric_of(dimension: str, config: dict[str, Any], item: Scalable) -> tuple[str, str, dict[str, str]]:
    custom = config.get("CustomizedMetricSpecification")
    if custom:
        return custom["MetricName"], custom["Statistic"], {row["Name"]: row["Value"] for row in custom["Dimensions"]}
    name, statistic = PREDEFINED[dimension][config["PredefinedMetricSpecification"]["PredefinedMetricType"]]
    return name, statistic, item.dimensions


def _managed_instances(state: Store) -> None:
    """Move the instances of endpoints with inference components to what their copies need, within the limits."""
    for endpoint in list(state.endpoints.values()):
        variant = next(iter(endpoint.variants.values()), None)
        if variant is not None and variant.model is None:
            low, high = components.managed_scaling(endpoint)
            variant.desired = min(max(components.instances_needed(endpoint), low), high)


def _guarded(work: Callable[[], None]) -> None:
    """One broken resource must not stop the loop for the others; what was just deleted is no error."""
    try:
        work()
    except (AwsError, KeyError, RuntimeError) as error:
        logger.debug("skipped: %s", error)
    except Exception:
        logger.exception("the scaler failed")
