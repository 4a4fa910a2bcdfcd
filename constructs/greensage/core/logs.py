"""Log groups that end: CloudWatch keeps lines for fixed numbers of days only."""

from __future__ import annotations

from typing import Any, Literal, get_args

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from constructs import Construct

from ..catalog import limits
from .checked import check_choice

LogStorage = Literal["standard", "infrequent-access"]


def log_group(
    scope: Construct, id: str, days: int, *, name: str | None = None, storage: LogStorage = "standard"
) -> logs.LogGroup:
    """Return a log group that goes with its stack and keeps lines for `days`: one of CloudWatch's numbers, or a token."""
    check_retention(days)
    check_choice("log_storage", storage, get_args(LogStorage))
    # Standard is not said: a group that is deployed takes no change of its class.
    kept = logs.LogGroupClass.INFREQUENT_ACCESS if storage == "infrequent-access" else None
    made = logs.LogGroup(scope, id, log_group_name=name, removal_policy=RemovalPolicy.DESTROY, log_group_class=kept)
    # On the L1, since the L2's list of days has no place for a token.
    resource: Any = made.node.default_child
    resource.retention_in_days = days
    return made


def check_retention(days: int) -> None:
    """Raise ValueError for a number of days that CloudWatch Logs does not have."""
    check_choice("log_retention_days", days, limits.LOG_RETENTION_DAYS)
