"""Parts of the local cloud that need no cloud: request checks, archives, ministack's private names."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from greensage.local import ministack_api
from greensage.local.archives import unpack
from greensage.local.wire import AwsError, check_request, check_response, coerce, operation


def test_the_private_names_of_ministack_are_where_we_use_them():
    assert ministack_api.missing_names() == []


def test_a_moved_private_name_is_named(monkeypatch):
    monkeypatch.setitem(ministack_api._PRIVATE_NAMES, "ministack.app", ("no_such_name",))
    assert ministack_api.missing_names() == ["ministack.app.no_such_name"]


def config(**variant):
    row = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.c7g.large", "InitialInstanceCount": 1, **variant}
    return {"EndpointConfigName": "c", "ProductionVariants": [row]}


def refused(request) -> str:
    with pytest.raises(AwsError) as caught:
        check_request(operation("sagemaker", "CreateEndpointConfig"), request)
    return caught.value.message


def test_a_good_request_passes():
    check_request(operation("sagemaker", "CreateEndpointConfig"), config())


def test_an_instance_type_that_hosting_has_not_is_refused_in_awss_words():
    shown = refused(config(InstanceType="ml.m7g.large"))
    assert "Value 'ml.m7g.large' at 'productionVariants.1.member.instanceType' failed to satisfy constraint" in shown
    assert "enum value set" in shown


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"ProductionVariants": []}, "at 'endpointConfigName' failed to satisfy constraint: Member must not be null"),
        (config(InitialInstanceCount=-1), "greater than or equal to 1"),
        (config(InitialInstanceCount="1"), "Member must be of type integer"),
        (config(Colour="green"), "Unknown parameter 'productionVariants.1.member.Colour'"),
        ({**config(), "EndpointConfigName": "x" * 64}, "length less than or equal to 63"),
        ({**config(), "EndpointConfigName": "a_b"}, "regular expression pattern"),
    ],
)
def test_types_ranges_lengths_and_patterns_are_checked(request_, expected):
    assert expected in refused(request_)


def test_an_operation_the_api_has_not_is_refused():
    with pytest.raises(AwsError, match="has no operation InventEndpoint"):
        operation("sagemaker", "InventEndpoint")


def test_an_answer_the_api_has_not_is_a_bug_of_ours():
    with pytest.raises(AssertionError, match="DescribeEndpoint answers what the API has not"):
        check_response(operation("sagemaker", "DescribeEndpoint"), {"EndpointName": "a"})


def test_texts_of_cloudformation_become_numbers():
    shape = operation("sagemaker", "CreateEndpointConfig").input_shape
    typed = coerce(shape, config(InitialInstanceCount="2", InitialVariantWeight="0.5"))
    assert typed["ProductionVariants"][0]["InitialInstanceCount"] == 2
    assert typed["ProductionVariants"][0]["InitialVariantWeight"] == 0.5


def archive(*members: tarfile.TarInfo, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            if member.isfile():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_a_plain_archive_is_unpacked(tmp_path):
    unpack(archive(member("a/model.onnx")), tmp_path, "s3://b/k")
    assert (tmp_path / "a/model.onnx").read_bytes() == b"x"


@pytest.mark.parametrize(
    "bad",
    [
        archive(member("../escape")),
        archive(member("link", tarfile.SYMTYPE, "/etc/passwd")),
        archive(member("hard", tarfile.LNKTYPE, "model")),
        archive(member("device", tarfile.CHRTYPE)),
        b"not an archive",
        gzip.compress(b"not a tar"),
    ],
    ids=["path outside", "symbolic link", "hard link", "device", "not gzip", "not tar"],
)
def test_an_archive_that_is_not_to_be_trusted_is_refused(tmp_path, bad):
    with pytest.raises(AwsError, match="Unable to extract model data archive s3://b/k"):
        unpack(bad, tmp_path / "inside", "s3://b/k")
    assert not (tmp_path / "escape").exists()
