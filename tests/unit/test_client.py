"""What the client does when a deployment takes away what it knew; the services' answers are botocore's stubs."""

from __future__ import annotations

import io
import json

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from greensage.client import EndpointClient

ASYNCHRONOUS = {"endpoint": "old", "asynchronous": {"bucket": "going", "input": "input/"}}


class Session(boto3.Session):
    """Hands out the same, stubbed client for each service."""

    def __init__(self) -> None:
        super().__init__(region_name="eu-north-1", aws_access_key_id="x", aws_secret_access_key="x")
        self.made = {name: super(Session, self).client(name) for name in ("ssm", "sagemaker-runtime", "s3")}
        self.stubs = {name: Stubber(made) for name, made in self.made.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, service_name, *_, **__):
        return self.made[service_name]

    def parameter_is(self, place: dict) -> None:
        self.stubs["ssm"].add_response("get_parameter", {"Parameter": {"Value": json.dumps(place)}}, {"Name": ANY})

    def bucket_is_gone(self) -> None:
        self.stubs["s3"].add_client_error("put_object", "NoSuchBucket", "The specified bucket does not exist")


def test_a_bucket_that_a_deployment_took_away_makes_the_client_look_again():
    session = Session()
    session.parameter_is(ASYNCHRONOUS)
    session.bucket_is_gone()
    session.parameter_is({"endpoint": "new"})
    body = StreamingBody(io.BytesIO(b'{"predictions": [0.5]}'), 22)
    session.stubs["sagemaker-runtime"].add_response(
        "invoke_endpoint", {"Body": body}, {"EndpointName": "new", "Body": ANY, "ContentType": ANY, "Accept": ANY}
    )
    assert EndpointClient("churn", session=session).predict([[1.0]]) == [0.5]


def test_it_looks_again_only_once():
    session = Session()
    for _ in range(2):
        session.parameter_is(ASYNCHRONOUS)
        session.bucket_is_gone()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        EndpointClient("churn", session=session).predict([[1.0]])
