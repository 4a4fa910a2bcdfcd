"""Artifacts: images, objects and model packages end when nobody needs them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...catalog.checks import assumed
from .. import savings
from ..finding import Fail, Place
from ..rule import app_rule, rule
from ..template import Node, Resource, Template
from ..values import text_of

_BUCKET = "AWS::S3::Bucket"
_ABORT = {"Id": "incomplete-uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
# Untagged images are those that a newer push replaced: nothing that is named is deleted.
_EXPIRE_UNTAGGED = {
    "LifecyclePolicyText": json.dumps({"rules": [{
        "rulePriority": 1, "action": {"type": "expire"},
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
    }]}),
}  # fmt: skip


@rule("GS-ART01", "Image repositories expire images", "AWS::ECR::Repository")
def images_expire(repository: Resource) -> Iterator[Fail]:
    if not repository.has("LifecyclePolicy"):
        yield repository.fails(
            "keeps every image for ever", "LifecyclePolicy", saves=savings.images(repository.region), fix=_EXPIRE_UNTAGGED
        )


@rule("GS-ART02", "Buckets have a lifecycle", _BUCKET)
def buckets_have_lifecycles(bucket: Resource) -> Iterator[Fail]:
    """Buckets that serve the web, alone or behind CloudFront, hold what is served; they are left out."""
    if not _rules(bucket) and not bucket.has("WebsiteConfiguration") and not _tiered(bucket) and not _served(bucket):
        yield bucket.fails(
            "keeps every object for ever: no lifecycle rule expires or archives anything",
            "LifecycleConfiguration",
            saves=savings.stored(bucket.region),
        )


@rule("GS-ART03", "Replaced versions of objects expire", _BUCKET)
def versions_expire(bucket: Resource) -> Iterator[Fail]:
    if bucket.get("VersioningConfiguration", "Status") != "Enabled":
        return
    for row in _rules(bucket):
        if row.has("NoncurrentVersionExpiration") or row.has("NoncurrentVersionExpirationInDays"):
            return
    # Of a bucket without any rule GS-ART02 states the figure: one amount is not saved twice.
    saves = savings.stored(bucket.region) if _rules(bucket) else None
    yield bucket.fails("keeps every replaced and deleted version for ever", "LifecycleConfiguration", saves=saves)


@rule("GS-ART04", "Incomplete uploads are removed", _BUCKET)
def uploads_are_removed(bucket: Resource) -> Iterator[Fail]:
    """Said of buckets that have lifecycle rules already; GS-ART02 speaks of the others."""
    rows = _rules(bucket)
    if rows and not any(row.has("AbortIncompleteMultipartUpload") for row in rows):
        yield bucket.fails(
            "keeps the parts of interrupted uploads for ever, unseen",
            "LifecycleConfiguration",
            "Rules",
            # One past the last rule, disabled ones counted: a fix there appends and replaces none.
            len(bucket.raw_list("LifecycleConfiguration", "Rules")),
            saves=savings.stored(bucket.region) * assumed("upload_share").value,
            fix=_ABORT,
        )


class _Package(NamedTuple):
    """Either a model package group, or (place None) something that deletes packages."""

    place: Place | None
    region: str | None


# With their quotes, so that DeleteModelPackageGroup is not taken for it.
_MAY_DELETE = ('"sagemaker:DeleteModelPackage"', '"sagemaker:Delete*"', '"sagemaker:*"')


def _packages(template: Template) -> Iterator[_Package]:
    for group in template.of_type("AWS::SageMaker::ModelPackageGroup"):
        yield _Package(group.place, template.scope.region)
    policies = template.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::IAM::RolePolicy")
    texts = (json.dumps(item.raw, default=str) for item in policies)
    if any(action in text for text in texts for action in _MAY_DELETE):
        yield _Package(None, template.scope.region)


@app_rule("GS-ART05", "Model packages are cleaned up", collect=_packages, severity="low")
def packages_are_cleaned(facts: Iterable[_Package]) -> Iterator[tuple[Place, Fail]]:
    """Something that may delete packages is taken as cleaning up: what it does is not in a template."""
    rows = list(facts)
    if all(row.place is not None for row in rows):
        for row in rows:
            if row.place is not None:
                yield (
                    row.place,
                    Fail(
                        "collects model packages for ever: nothing in this app may delete one",
                        ("Properties",),
                        savings.kept(row.region, "image_gb"),
                    ),
                )


@rule("GS-ART06", "Online features expire", "AWS::SageMaker::FeatureGroup")
def features_expire(group: Resource) -> Iterator[Fail]:
    if group.true("OnlineStoreConfig", "EnableOnlineStore") and not group.has("OnlineStoreConfig", "TtlDuration"):
        yield group.fails("keeps every record in the online store for ever", "OnlineStoreConfig", "TtlDuration")


def _rules(bucket: Resource) -> list[Node]:
    rows = bucket.list("LifecycleConfiguration", "Rules")
    return [row for row in rows if isinstance(row, Node) and row.get("Status", default="Enabled") == "Enabled"]


def _served(bucket: Resource) -> bool:
    users = bucket.template.users_of(bucket, "AWS::CloudFront::Distribution")
    return any(bucket.id in user.refers_to("DistributionConfig", "Origins") for user in users)


def _tiered(bucket: Resource) -> bool:
    return bucket.has("IntelligentTieringConfigurations")


def expires(bucket: Resource, prefix: str) -> bool:
    """Return whether a rule of `bucket` expires what lies under `prefix`."""
    for row in _rules(bucket):
        ends = row.has("ExpirationInDays") or row.has("ExpirationDate")
        under = text_of(row.raw.get("Prefix", ""), bucket.template.scope)
        if ends and prefix.startswith(under):
            return True
    return False
