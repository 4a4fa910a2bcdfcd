"""Archives in the platform's bucket of models that are gone, where no model, registry version or champion names them either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .item import Reading, Unused, containers_of

KIND = "artifact"
_PREFIXES = ("models/", "groups/")
_RESTORE = "within the days that replaced versions are kept: aws s3api delete-object with the version id of its delete marker"


def find(reading: Reading) -> Iterator[Unused]:
    """Yield objects below models/ and groups/. Who may name them is read whole before any is judged."""
    bucket = reading.parameter("artifact-bucket")
    if bucket is None:
        return
    named, living = references(reading, bucket), _living(reading)
    for prefix in _PREFIXES:
        for row in reading.pages("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix):
            # Of a model that is there its own stack deletes what it replaces; devices may still fetch the rest.
            if row["Key"].split("/")[1] in living:
                continue
            if reading.settled(row["LastModified"]) and not in_use(row["Key"], named):
                yield Unused(
                    KIND, reading.region, f"s3://{bucket}/{row['Key']}", "no model, registry version or champion names it",
                    row["LastModified"].timestamp(), _RESTORE, row["Size"] / 1e9, (("Bucket", bucket), ("Key", row["Key"])),
                )  # fmt: skip


def _living(reading: Reading) -> frozenset[str]:
    """The models and groups whose stacks are there: they publish parameters."""
    found: set[str] = set()
    for kind in ("models", "specs", "groups"):
        path = f"{reading.root}/{kind}"
        for row in reading.pages("ssm", "get_parameters_by_path", "Parameters", Path=path, Recursive=True):
            found.add(row["Name"].removeprefix(f"{path}/").partition("/")[0])
    return frozenset(found)


def in_use(key: str, named: frozenset[str]) -> bool:
    """Whether a key is named, or lies below a prefix that is: a multi-model endpoint may be asked for any file of its own."""
    return key in named or any(key.startswith(prefix) for prefix in named if prefix.endswith("/"))


def references(reading: Reading, bucket: str) -> frozenset[str]:
    """Return the keys and prefixes of `bucket` that models, registry versions and greensage's parameters name."""
    found = {uri for row in reading.models for item in containers_of(row) for uri in _uris(item)}
    found |= {uri for item in reading.package_containers for uri in _uris(item)}
    specifications = ((row.get("Specification") or {}) for row in reading.described_components)
    found |= {(item.get("Container") or {}).get("ArtifactUrl", "") for item in specifications}
    for row in reading.pages("ssm", "get_parameters_by_path", "Parameters", Path=f"{reading.root}/champions", Recursive=True):
        found |= _strings(row["Value"])
    own = f"s3://{bucket}/"
    return frozenset(uri.removeprefix(own) for uri in found if uri.startswith(own))


def _uris(container: Any) -> set[str]:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    return {uri for uri in (container.get("ModelDataUrl", ""), source.get("S3Uri", "")) if uri}


def _strings(text: str) -> set[str]:
    """Every string in a parameter's JSON, with bucket and key put together where it has them apart."""
    try:
        value = json.loads(text)
    except ValueError:
        return {text}
    if not isinstance(value, dict):
        return {str(value)}
    strings = {item for item in value.values() if isinstance(item, str)}
    return strings | {f"s3://{value.get('bucket')}/{value.get('key')}"}


def still_unused(reading: Reading, item: Unused) -> bool:
    """Look again, right before deleting."""
    gone = item.ids["Key"].split("/")[1] not in _living(reading)
    return gone and not in_use(item.ids["Key"], references(reading, item.ids["Bucket"]))


def delete(client: Any, item: Unused) -> None:
    """Delete one object; in the platform's bucket it can be had back for some days."""
    client.delete_object(**item.ids)
