"""Empties a model package group when its stack goes: a group with packages in it cannot be deleted."""

from __future__ import annotations

from typing import Any


def handle(event: dict[str, Any], sagemaker: Any) -> tuple[str, dict[str, str]]:
    """Delete the packages of the group on Delete; nothing else."""
    group = event["ResourceProperties"]["Group"]
    if event["RequestType"] == "Delete" and event["PhysicalResourceId"] == f"packages-of-{group}":
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        # Listed to the end before anything is deleted: pages would shift under the paginator.
        for arn in [row["ModelPackageArn"] for page in pages for row in page["ModelPackageSummaryList"]]:
            sagemaker.delete_model_package(ModelPackageName=arn)
    return f"packages-of-{group}", {}
