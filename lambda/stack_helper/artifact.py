"""Copies a model archive to where its endpoint reads it, with code in it if asked to, and deletes it when it is replaced."""

from __future__ import annotations

import contextlib
from typing import Any

from stack_helper.repack import repack


def handle(event: dict[str, Any], s3: Any) -> tuple[str, dict[str, str]]:
    """Return the key as physical id: a new key makes CloudFormation delete the old one after the update."""
    props = event["ResourceProperties"]
    if event["RequestType"] == "Delete":
        bucket, _, key = event["PhysicalResourceId"].partition("/")
        if key:  # a failed Create has no key and left nothing
            _delete(s3, bucket, key)
        return event["PhysicalResourceId"], {}
    bucket, key = props["TargetBucket"], props["TargetKey"]
    # The managed copy goes in parts above 5 GB, which one CopyObject refuses.
    # Tags of the source are not copied: that would need rights on them.
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": props["KmsKeyArn"]} if "KmsKeyArn" in props else {}
    if "CodeKey" in props:
        source, code = (props["SourceBucket"], props["SourceKey"]), (props["CodeBucket"], props["CodeKey"])
        repack(s3, source, code, (bucket, key), encryption)
        return f"{bucket}/{key}", {"Key": key}
    s3.copy(
        {"Bucket": props["SourceBucket"], "Key": props["SourceKey"]},
        bucket,
        key,
        ExtraArgs={"TaggingDirective": "REPLACE", **encryption},
    )
    return f"{bucket}/{key}", {"Key": key}


def _delete(s3: Any, bucket: str, key: str) -> None:
    with contextlib.suppress(s3.exceptions.NoSuchBucket):  # the bucket went first
        s3.delete_object(Bucket=bucket, Key=key)
