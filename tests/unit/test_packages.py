"""What the helper finds out about model packages, and code that it packs into archives of S3."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from greensage.core.archive import packed
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "lambda"))
from stack_helper import artifact, package

GROUP = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/fraud"
VERSION = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/fraud/7"
CONTAINER = {"Image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/ml/fraud:1", "ModelDataUrl": "s3://theirs/fraud/model.tar.gz"}
PREFIX = {
    "Image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/ml/fraud@sha256:00",
    "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://theirs/llm/", "S3DataType": "S3Prefix", "CompressionType": "None"}},
}


class SageMaker:
    """As much of the client as the helper uses."""

    def __init__(self, *containers: dict[str, Any], **more: Any) -> None:
        self.found = {"InferenceSpecification": {"Containers": list(containers)}, "ModelApprovalStatus": "Approved", **more}
        self.asked: list[dict[str, Any]] = []

    def list_model_packages(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {
            "ModelPackageSummaryList": [{"ModelPackageArn": VERSION}] if self.found["ModelApprovalStatus"] == "Approved" else []
        }

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        if ModelPackageName.endswith("/9"):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeModelPackage")
        return self.found


def asked(kind: str = "Create", **props: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "LogicalResourceId": "Package",
        "PhysicalResourceId": "package-of-Package",
        "ResourceProperties": props,
    }


def test_a_version_tells_what_its_role_has_to_read():
    id, data = package.handle(asked(Package=VERSION), SageMaker(CONTAINER, PREFIX))
    assert id == "package-of-Package" and data["Arn"] == VERSION
    assert data["Readable"].split(",") == [
        "arn:aws:ecr:eu-west-1:111122223333:repository/ml/fraud", "arn:aws:s3:::theirs",
        "arn:aws:s3:::theirs/fraud/model.tar.gz", "arn:aws:s3:::theirs/llm/*",
    ]  # fmt: skip
    assert package.handle(asked("Delete"), SageMaker()) == ("package-of-Package", {})


def test_what_is_in_no_registry_of_awss_still_names_something_to_read():
    own = {"Image": "registry.example.com/fraud:1"}
    assert package.handle(asked(Package=VERSION), SageMaker(own))[1]["Readable"] == VERSION
    more = {**own, "AdditionalS3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://theirs/more/"}}
    assert (
        package.handle(asked(Package=VERSION), SageMaker(more))[1]["Readable"] == "arn:aws:s3:::theirs,arn:aws:s3:::theirs/more/*"
    )


def test_of_a_group_the_newest_approved_version_is_taken():
    client = SageMaker(CONTAINER)
    assert package.handle(asked(Group=GROUP, AskedAt="now"), client)[1]["Arn"] == VERSION
    assert client.asked == [
        {"ModelPackageGroupName": GROUP, "ModelApprovalStatus": "Approved", "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 1}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("props", "client", "said"),
    [
        ({"Group": GROUP}, SageMaker(CONTAINER, ModelApprovalStatus="Rejected"), "has no approved version; approve one"),
        (
            {"Package": VERSION},
            SageMaker(CONTAINER, ModelApprovalStatus="PendingManualApproval"),
            "is PendingManualApproval; approve",
        ),
        ({"Package": VERSION}, SageMaker(CONTAINER, ModelPackageStatus="Failed"), "is Failed, and cannot be deployed"),
        ({"Package": VERSION}, SageMaker(), "has no inference specification"),
        (
            {"Package": VERSION[:-1] + "9"},
            SageMaker(CONTAINER),
            "that account has to allow this one: sagemaker:DescribeModelPackage",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_the_way(props, client, said):
    with pytest.raises((ValueError, PermissionError), match=said):
        package.handle(asked(**props), client)


class S3:
    """Objects in memory, and uploads in parts."""

    def __init__(self, **objects: bytes) -> None:
        self.objects, self.parts, self.open = objects, dict[int, bytes](), 0

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key])}

    def create_multipart_upload(self, **asked: Any) -> dict[str, Any]:
        self.open += 1
        return {"UploadId": "1"}

    def upload_part(self, PartNumber: int, Body: bytes, **asked: Any) -> dict[str, Any]:
        self.parts[PartNumber] = Body
        return {"ETag": str(PartNumber)}

    def complete_multipart_upload(self, Key: str, MultipartUpload: Any, **asked: Any) -> None:
        self.open -= 1
        self.objects[Key] = b"".join(self.parts[row["PartNumber"]] for row in MultipartUpload["Parts"])

    def abort_multipart_upload(self, **asked: Any) -> None:
        self.open -= 1


def code(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return made.getvalue()


COPY = {"SourceBucket": "a", "SourceKey": "given", "TargetBucket": "b", "TargetKey": "made", "CodeBucket": "c", "CodeKey": "code"}


def test_code_is_packed_into_an_archive_of_s3_in_place_of_what_was_there():
    given = packed({"model.pth": b"x" * 1000, "code/inference.py": b"old", "./code/keep.py": b"keep"})
    s3 = S3(given=given, code=code(inference="new", helper="h"))
    assert artifact.handle(asked(**COPY), s3) == ("b/made", {"Key": "made"})
    with tarfile.open(fileobj=io.BytesIO(s3.objects["made"])) as made:
        found = {name: made.extractfile(name).read() for name in made.getnames()}  # type: ignore[union-attr]
    assert found == {"model.pth": b"x" * 1000, "code/inference.py": b"new", "./code/keep.py": b"keep", "code/helper.py": b"h"}
    assert s3.open == 0


def damaged() -> list[bytes]:
    """One with an absolute name, one whose second header is damaged, one whose checksum is wrong, a sparse one."""
    absolute = io.BytesIO()
    with tarfile.open(fileobj=absolute, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("/etc/cron.d/x"))
    plain = bytearray(gzip.decompress(packed({"a": b"x" * 600, "b": b"y"})))
    plain[512 + 1024 + 150] ^= 0xFF
    whole = bytearray(packed({"a": b"x" * 600, "b": b"y"}))
    whole[-8] ^= 0xFF
    sparse = io.BytesIO()
    with tarfile.open(fileobj=sparse, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        entry = tarfile.TarInfo("model.pt")
        entry.type = tarfile.GNUTYPE_SPARSE
        archive.addfile(entry)
    return [absolute.getvalue(), gzip.compress(bytes(plain)), bytes(whole), sparse.getvalue()]


def test_an_archive_that_is_broken_or_not_safe_leaves_nothing():
    broken, bad = packed({"model.pth": b"x" * 100_000}), io.BytesIO()
    with tarfile.open(fileobj=bad, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/passwd"))
    for given in (broken[: len(broken) // 2], bad.getvalue(), b"no archive", *damaged()):
        s3 = S3(given=given, code=code(inference="new"))
        with pytest.raises((ValueError, EOFError, OSError, tarfile.TarError)):
            artifact.handle(asked(**COPY), s3)
        assert "made" not in s3.objects and s3.open == 0
