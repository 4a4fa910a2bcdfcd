"""Container images: AWS's prebuilt ones, compiled from the SDK's tables, and greensage's own serving image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ._data import load
from .instances import Architecture, Processor

# What the server in serving/ can load; the others need AWS's images.
SERVED_FRAMEWORKS = ("xgboost", "lightgbm", "sklearn", "onnx", "catboost")


@dataclass(frozen=True)
class PrebuiltImage:
    """One of AWS's inference images and the processor it is for; `registry` names the accounts that own it."""

    framework: str
    version: str
    architecture: Architecture
    repository: str
    tag: str
    registry: str
    processor: Processor = "cpu"

    def uri(self, region: str) -> str | None:
        """Return the image's URI in `region`, or None where AWS does not publish it."""
        account = load("images")["registries"][self.registry].get(region)
        if account is None:
            return None
        suffix = load("partitions")["dns_suffix"].get(region.rsplit("-", 2)[0], "amazonaws.com")
        return f"{account}.dkr.ecr.{region}.{suffix}/{self.repository}:{self.tag}"


@cache
def prebuilt_images(framework: str, architecture: Architecture) -> tuple[PrebuiltImage, ...]:
    """Return AWS's images of `framework` for `architecture`, oldest first; empty where there is none."""
    return tuple(
        PrebuiltImage(**row)
        for row in load("images")["images"]
        if row["framework"] == framework and row["architecture"] == architecture
    )


def prebuilt_frameworks() -> tuple[str, ...]:
    """Return the frameworks that AWS has CPU images of."""
    return tuple(dict.fromkeys(row["framework"] for row in load("images")["images"]))


def prebuilt_image(framework: str, version: str | None, architecture: Architecture) -> PrebuiltImage | None:
    """Return the image of exactly `version` (None: the newest), or None where AWS has none."""
    images = prebuilt_images(framework, architecture)
    if version is None:
        return images[-1] if images else None
    return next((image for image in images if image.version == version), None)


@cache
def accelerated_images(framework: str, processor: Processor) -> tuple[PrebuiltImage, ...]:
    """Return AWS's images of `framework` for a GPU or for Neuron (inf1, neuronx), oldest first."""
    rows = [row for row in load("images")["accelerated"] if row["framework"] == framework and row["processor"] == processor]
    return tuple(PrebuiltImage(**row) for row in sorted(rows, key=lambda row: _numbers(row["version"])))


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def is_neuron(uri: str) -> bool:
    """Return whether `uri` is of AWS's images with the Neuron compiler."""
    names = {row["repository"] for row in load("images")["accelerated"] if row["processor"] == "neuronx"}
    return any(f"/{name}:" in uri for name in names)


@cache
def repository_runs_on(repository: str) -> frozenset[Architecture]:
    """Return the architectures that AWS has images of `repository`'s framework for; empty for a repository not its own."""
    rows = load("images")["images"]
    frameworks = {row["framework"] for row in rows if row["repository"] == repository}
    return frozenset(row["architecture"] for row in rows if row["framework"] in frameworks)


@cache
def is_of_aws(account: str) -> bool:
    """Return whether `account` is one from which AWS publishes its images."""
    return any(account in owners.values() for owners in load("images")["registries"].values())


def account_of(registry: str, region: str) -> str | None:
    """Return the account number behind a registry name of the catalog in `region`."""
    return load("images")["registries"][registry].get(region)
