"""The bucket of a model's loop: what was captured expires soon, reports after a year, the few bytes of state stay."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from constructs import Construct

from ..catalog import drift
from ..core.checked import check_prefix, check_whole
from ..storage.retention import OwnBucket

# Captured data and what is made of it for one retraining; what people may want to look up later.
_SHORT = ("capture/", "labels/", "quarantine/", "outbox/", "retraining/", "checkpoints/")
_LONG = ("reports/", "decisions/", "records/")


class MonitoringBucket(OwnBucket):
    """For `DriftMonitor` and `DriftTriggeredRetraining`: encrypted, TLS only, private, and it empties itself.

    Parameters
    ----------
    capture_days:
        Days that captured requests, labels, quarantined lines and the data of retrainings are kept; at least 1.
    report_days:
        Days that reports and decisions are kept; default 365.
    prefixes:
        Of the monitors whose files lie here; each ends with a slash. Default: one monitor, without a prefix.
    encryption_key, removal_policy:
        As for `ArtifactBucket`; default S3's own keys, and DESTROY.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        capture_days: int,
        prefixes: Sequence[str] = ("",),
        report_days: int = int(drift.setting("report_days")),
        encryption_key: kms.IKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        for name, days in (("capture_days", capture_days), ("report_days", report_days)):
            check_whole(name, days, 1)
        for prefix in prefixes:
            check_prefix("prefixes", prefix, may_be_empty=True)
        kept = [*((name, capture_days) for name in _SHORT), *((name, report_days) for name in _LONG)]
        rules = [_expire(f"{prefix}{name}", days) for prefix in prefixes for name, days in kept]
        aborted = s3.LifecycleRule(id="abort-uploads", abort_incomplete_multipart_upload_after=Duration.days(1))
        super().__init__(
            scope, id, encryption_key=encryption_key, removal_policy=removal_policy, lifecycle_rules=[*rules, aborted]
        )


def _expire(prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(id=f"expire-{prefix.rstrip('/').replace('/', '-')}", prefix=prefix, expiration=Duration.days(days))
