"""Versions in the model registry beyond the policy: older than the newest few, and neither approved last nor deployed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .item import Reading, Unused, containers_of, without_answer

KIND = "model package"


def find(reading: Reading) -> Iterator[Unused]:
    """Yield versions that nobody needs to go back to. Of each group the newest `keep_versions` stay."""
    deployed = _deployed(reading)
    client = reading.client("sagemaker")
    for group, versions in reading.packages:
        if reading.kept(group):
            continue
        rows = sorted(versions, key=lambda row: row["ModelPackageVersion"], reverse=True)
        # The last that was approved is what the next rollback goes to.
        approved = next((row["ModelPackageArn"] for row in rows if row.get("ModelApprovalStatus") == "Approved"), "")
        for row in rows[reading.keep_versions :]:
            arn = row["ModelPackageArn"]
            waiting = row.get("ModelApprovalStatus") == "PendingManualApproval"
            if arn in deployed or arn == approved or waiting or not reading.settled(row["CreationTime"]) or reading.kept(arn):
                continue
            described = client.describe_model_package(ModelPackageName=arn)
            yield Unused(
                KIND, reading.region, arn.partition("/")[2], f"not of the newest {reading.keep_versions} of its group",
                row["CreationTime"].timestamp(),
                "aws sagemaker create-model-package with the definition in the ledger: a new version",
                identity=(("ModelPackageName", arn),),
                definition=without_answer(described, "ModelPackageArn", "ModelPackageVersion", "ModelPackageStatus"),
            )  # fmt: skip


def _deployed(reading: Reading) -> frozenset[str]:
    return frozenset(str(item.get("ModelPackageName", "")) for row in reading.models for item in containers_of(row))


def still_unused(reading: Reading, item: Unused) -> bool:
    """Look again, right before deleting."""
    return item.ids["ModelPackageName"] not in _deployed(reading)


def delete(client: Any, item: Unused) -> None:
    """Delete one version."""
    client.delete_model_package(**item.ids)
