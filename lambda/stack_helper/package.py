"""Finds a model package when a stack is deployed: which one, and what an execution role has to read of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

_ECR = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z0-9.-]+/([a-z0-9._/-]+?)(?:[:@].+)?$")
_RIGHTS = (
    "sagemaker:DescribeModelPackage (and ListModelPackages) on the group, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on "
    "its repository, s3:GetObject on its archive, and kms:Decrypt on their key"
)


def handle(event: dict[str, Any], sagemaker: Any) -> tuple[str, dict[str, str]]:
    """Return the package's ARN and, comma-separated, the ARNs of its repositories, objects and buckets."""
    if event["RequestType"] == "Delete":
        return event["PhysicalResourceId"], {}
    props = event["ResourceProperties"]
    asked = props.get("Package") or props["Group"]
    try:
        arn = props.get("Package") or _latest(sagemaker, props["Group"])
        found = sagemaker.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDeniedException", "AccessDenied"):
            raise
        raise PermissionError(
            f"{asked} may not be read. If it is of another account, that account has to allow this one: {_RIGHTS}. {error}"
        ) from None
    _check(found, arn)
    readable = sorted({item for row in found["InferenceSpecification"]["Containers"] for item in _readable(row, arn)})
    # A policy has to name something: of an image that is in no ECR and brings its model, the package itself.
    return f"package-of-{event['LogicalResourceId']}", {"Arn": arn, "Readable": ",".join(readable or [arn])}


def _latest(sagemaker: Any, group: str) -> str:
    rows = sagemaker.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )["ModelPackageSummaryList"]
    if not rows:
        raise ValueError(f"{group} has no approved version; approve one: aws sagemaker update-model-package "
                         "--model-package-arn ARN --model-approval-status Approved")  # fmt: skip
    return rows[0]["ModelPackageArn"]


def _check(found: Mapping[str, Any], arn: str) -> None:
    approval = found.get("ModelApprovalStatus", "Approved")
    if approval != "Approved":
        raise ValueError(f"{arn} is {approval}; approve it first: aws sagemaker update-model-package --model-package-arn {arn} "
                         "--model-approval-status Approved")  # fmt: skip
    if found.get("ModelPackageStatus", "Completed") != "Completed":
        raise ValueError(f"{arn} is {found['ModelPackageStatus']}, and cannot be deployed")
    if not found.get("InferenceSpecification", {}).get("Containers"):
        raise ValueError(f"{arn} has no inference specification: it was registered without an image, and cannot be deployed")


def _readable(container: Mapping[str, Any], arn: str) -> Iterator[str]:
    partition = arn.split(":")[1]
    image = _ECR.match(container.get("Image", ""))
    if image is not None:
        account, region, name = image.groups()
        yield f"arn:{partition}:ecr:{region}:{account}:repository/{name}"
    sources = [container.get("ModelDataSource", {}), *container.get("AdditionalModelDataSources", [])]
    found = [row["S3DataSource"] for row in sources if row.get("S3DataSource")]
    more = container.get("AdditionalS3DataSource")
    for source in [{"S3Uri": container.get("ModelDataUrl", "")}, *found, *([more] if more else [])]:
        bucket, _, key = source.get("S3Uri", "").removeprefix("s3://").partition("/")
        below = "*" if source.get("S3DataType") == "S3Prefix" else ""
        if bucket:
            yield f"arn:{partition}:s3:::{bucket}/{key}{below}"
        if bucket and below:
            yield f"arn:{partition}:s3:::{bucket}"
