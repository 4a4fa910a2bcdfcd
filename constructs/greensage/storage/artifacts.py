"""Puts a model's archive where the endpoint reads it, under a prefix of its own and a name that says its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws_cdk import Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets

from constructs import Construct, IDependable

from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_type
from ..core.stack_helper import StackHelper
from .code import staged, with_code

_HASH_LENGTH = 12
# Lambda gives one vCPU at this much memory (Lambda developer guide, "Configure Lambda function memory").
_VCPU_MB = 1769
_PACKED = Path(".greensage/packed")


@dataclass(frozen=True)
class ArtifactLocation:
    """A model.tar.gz in S3 and the prefix that an execution role may read. Each value may be a token.

    Parameters
    ----------
    bucket_name:
        Of the bucket.
    bucket_arn:
        Of the bucket.
    key:
        Of the archive; one that ends with a slash is the prefix of an uncompressed model.
    prefix:
        What the execution role may read: all below it; the key alone if it is the key.
    after:
        What puts the archive there: models are created after it. Default: none, it is there.
    accept_eula:
        You accept the end-user licence that comes with it, as for JumpStart's gated models. Default: no.
    encryption_key:
        What it is encrypted with, when that is a KMS key of yours: whoever reads it is granted kms:Decrypt. The key's policy has
        to let the account's IAM decide, as the default policy does. Default: none, S3's own keys.
    """

    bucket_name: str
    bucket_arn: str
    key: str
    prefix: str
    after: IDependable | None = field(default=None, compare=False)
    accept_eula: bool = False
    encryption_key: kms.IKey | None = field(default=None, compare=False)

    @classmethod
    def in_bucket(
        cls, bucket: s3.IBucket, key: str, *, accept_eula: bool = False, encryption_key: kms.IKey | None = None
    ) -> ArtifactLocation:
        """Return an archive that is already in S3 and stays where it is; only this key may be read.

        encryption_key: what it is encrypted with; default: the bucket's own key, if the bucket object knows one. A bucket that
        was imported by its name does not.
        """
        return cls(
            bucket.bucket_name, bucket.bucket_arn, key, key, accept_eula=accept_eula,
            encryption_key=encryption_key or bucket.encryption_key,
        )  # fmt: skip

    @classmethod
    def of_asset(cls, asset: assets.Asset) -> ArtifactLocation:
        """Return where an asset of the CDK lies."""
        return cls(asset.s3_bucket_name, asset.bucket.bucket_arn, asset.s3_object_key, asset.s3_object_key)

    @property
    def uri(self) -> str:
        """The archive, or the prefix of an uncompressed model, as an s3:// URI."""
        return f"s3://{self.bucket_name}/{self.key}"

    @property
    def model_data(self) -> dict[str, Any]:
        """The part of a ContainerDefinition that names the model: an archive's URL, or an uncompressed prefix."""
        whole = self.key.endswith("/")
        if not whole and not self.accept_eula:
            return {"modelDataUrl": self.uri}
        kind, compression = ("S3Prefix", "None") if whole else ("S3Object", "Gzip")
        source: dict[str, Any] = {"s3Uri": self.uri, "s3DataType": kind, "compressionType": compression}
        if self.accept_eula:
            source["modelAccessConfig"] = {"acceptEula": True}
        return {"modelDataSource": {"s3DataSource": source}}


def check_location(prop: str, value: Any) -> None:
    """Raise TypeError unless `value` is an ArtifactLocation or None."""
    if value is not None:
        made = "an ArtifactLocation: ModelArtifact(...).location, or ArtifactLocation.in_bucket(bucket, key)"
        check_type(prop, value, ArtifactLocation, made)


class ModelArtifact(Construct):
    """Copies an archive below `prefix` of `bucket` when the stack is deployed.

    The key is `<prefix><name>-<content hash>.tar.gz`, so a new archive is a new key: endpoints see the change,
    and a multi-model endpoint never serves a cached model under the old name. The old key is deleted after the
    update; the bucket keeps its version for a restore.

    Parameters
    ----------
    source:
        A local .tar.gz (becomes a CDK asset), or an s3:// URI in the same Region; the role of the copying
        function may read exactly that object.
    bucket, prefix:
        Where to; the prefix ends with a slash.
    name:
        First part of the key; default model.
    encryption_key:
        Encrypts the copy with this KMS key; default: as the bucket encrypts. Give the endpoint the same key.
    source_encryption_key:
        What an archive in S3 is encrypted with, when that is a KMS key of yours. Default: none, S3's own keys.
    code:
        A folder whose files are packed below code/ of the archive, as AWS's containers look for inference.py: at synth into a
        local archive, by the copying function into one in S3. Default: none.

    `location` goes to an endpoint, which is created after the copy.
    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source: str,
        bucket: s3.IBucket,
        prefix: str,
        name: str = "model",
        encryption_key: kms.IKey | None = None,
        source_encryption_key: kms.IKey | None = None,
        code: str | Path | None = None,
    ) -> None:
        super().__init__(scope, id)
        if source_encryption_key is not None and not source.startswith("s3://"):
            raise ValueError(f"source_encryption_key is for an archive in S3, and source is {source!r}")
        helper = StackHelper.of(self)
        packed: dict[str, str] = {}
        digest = ""
        if code is not None:
            if source.startswith("s3://"):
                packed, digest = self._packing(helper, Path(code))
            else:
                source = str(with_code(_file(source), Path(code), _PACKED))
        bucket_name, bucket_arn, key, content = self._source(source)
        digest = hashlib.sha256(f"{content}{digest}".encode()).hexdigest()[:_HASH_LENGTH] if digest else content
        prefix = prefix if prefix.endswith("/") else f"{prefix}/"
        target = f"{prefix}{name}-{digest}.tar.gz"
        self.location = ArtifactLocation(bucket.bucket_name, bucket.bucket_arn, target, prefix, after=self)
        self._grant(helper, bucket, f"{bucket_arn}/{key}")
        deletes = self._deleting(helper, bucket, prefix, name)
        encryption_key = encryption_key or bucket.encryption_key
        if encryption_key:
            helper.allow(["kms:Decrypt", "kms:GenerateDataKey"], encryption_key.key_arn)
        if source_encryption_key:
            helper.allow(["kms:Decrypt"], source_encryption_key.key_arn)
        self.resource = helper.resource(
            self,
            "Copy",
            "Artifact",
            {
                "SourceBucket": bucket_name,
                "SourceKey": key,
                "TargetBucket": bucket.bucket_name,
                "TargetKey": target,
                **packed,
                **({"KmsKeyArn": encryption_key.key_arn} if encryption_key else {}),
            },
        )
        self.resource.node.add_dependency(deletes)

    @property
    def key(self) -> str:
        """The key below the bucket, known at synth."""
        return self.location.key

    @property
    def target_model(self) -> str:
        """The name by which a multi-model endpoint is asked for this model: the key below the prefix."""
        return self.location.key.removeprefix(self.location.prefix)

    def _grant(self, helper: StackHelper, bucket: s3.IBucket, source_arn: str) -> None:
        """Rights to copy to this key."""
        helper.allow(["s3:GetObject", "s3:GetObjectVersion"], source_arn)
        helper.allow(["s3:PutObject", "s3:AbortMultipartUpload"], f"{bucket.bucket_arn}/{self.location.key}")

    def _deleting(self, helper: StackHelper, bucket: s3.IBucket, prefix: str, name: str) -> iam.Policy:
        """The right to delete what this model had below this prefix, in a policy that is named after the prefix.

        When the prefix changes, CloudFormation deletes the old archive after it has made the new resources; the old policy goes
        after the archive, because the archive depends on it.
        """
        place = "" if Token.is_unresolved(prefix) else hashlib.sha256(prefix.encode()).hexdigest()[:8]
        arn = f"{bucket.bucket_arn}/{prefix}{name}-{'?' * _HASH_LENGTH}.tar.gz"
        own = iam.PolicyStatement(actions=["s3:DeleteObject"], resources=[arn])
        policy = iam.Policy(self, f"Own{place}", roles=[helper.role], statements=[own])
        acknowledge_wildcards(policy, [arn], "The archives that this model has had below its own prefix: each has a hash.")
        return policy

    def _packing(self, helper: StackHelper, code: Path) -> tuple[dict[str, str], str]:
        """Return what tells the helper of code to pack, and its digest; unpacking and packing takes a whole vCPU."""
        asset = assets.Asset(self, "CodeAsset", path=str(staged(code, _PACKED)))
        helper.allow(["s3:GetObject"], f"{asset.bucket.bucket_arn}/{asset.s3_object_key}")
        helper.function.add_property_override("MemorySize", _VCPU_MB)
        return {"CodeBucket": asset.s3_bucket_name, "CodeKey": asset.s3_object_key}, asset.asset_hash

    def _source(self, source: str) -> tuple[str, str, str, str]:
        if source.startswith("s3://"):
            bucket_name, _, key = source.removeprefix("s3://").partition("/")
            imported = s3.Bucket.from_bucket_name(self, "Source", bucket_name)
            # S3 content is not known at synth; the URI stands for it, so replace archives under a new key.
            return bucket_name, imported.bucket_arn, key, hashlib.sha256(source.encode()).hexdigest()[:_HASH_LENGTH]
        _file(source)
        asset = assets.Asset(self, "Asset", path=source)
        return asset.s3_bucket_name, asset.bucket.bucket_arn, asset.s3_object_key, asset.asset_hash[:_HASH_LENGTH]


def _file(source: str) -> Path:
    if not Path(source).is_file():
        raise ValueError(f"source {source!r} is neither a file nor an s3:// URI")
    return Path(source)
