"""Decisions without a retraining: reports are decided on and recorded, and people are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import Stack

from constructs import Construct

from ..catalog import drift
from ..core import defaults
from ..footprint.retraining import of_training
from ..monitoring.monitor import Monitor
from .decision import decide_function, known_region, listen, listen_to_failures

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns


class DriftAlerts(Construct):
    """Decides on every report of the monitors, records it, and tells the topic of what is worse than it should be.

    Parameters
    ----------
    monitors:
        Of one model, below one prefix.
    topic:
        Is told of alerts; default: none, then they are in the bucket only, where `greensage drift` reads them.
    encryption_key:
        The bucket's key, if it has one of yours; default: none.
    log_retention_days:
        One of CloudWatch's numbers of days; default 14.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self, scope: Construct, id: str, *, monitors: Sequence[Monitor], topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None, log_retention_days: int = defaults.LOG_RETENTION_DAYS,
    ) -> None:  # fmt: skip
        super().__init__(scope, id)
        if not monitors:
            raise ValueError("monitors is empty; there would be nothing to decide on")
        monitor = monitors[0]
        made = of_training(drift.training_types()[0], known_region(Stack.of(self)))
        settings = {
            "model": monitor.model, "bucket": monitor.bucket.bucket_name, "prefix": monitor.prefix,
            "policy": {"can_retrain": False}, "machine": "", "topic": topic.topic_arn if topic else "",
            "namespace": monitor.namespace,
            "footprint": {
                "kwh": made.energy_kwh.mid, "grams": made.carbon_g.mid, "usual_days": drift.setting("usual_retraining_days"),
            },
        }  # fmt: skip
        self.decide_function = decide_function(self, settings, monitor, topic, encryption_key, log_retention_days)
        for item in monitors:
            listen(self, f"Reports{item.node.addr[-8:]}", self.decide_function, item)
            listen_to_failures(self, f"Unwatched{item.node.addr[-8:]}", self.decide_function, item.machine)
