"""Where requests go besides the model: variants by weight, a shadow that answers nobody, and a captured sample."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from greensage.client import EndpointClient
from tests.cloud.conftest import Cdk, bootstrapped, environment_of
from tests.cloud.lookup import copy_models, endpoint_of, expected_of, wait_for
from tests.cloud.models import other_churn_model, pack

pytestmark = pytest.mark.cloud
HEAD = """\
name: {name}
model: {{artifact: artifacts/churn.tar.gz, framework: xgboost}}
region: {{allowed: [eu-north-1]}}
hosting: {{kind: real-time, weight: 3}}
capture: {{sample_percent: 100}}
"""
OTHER = "model: {artifact: artifacts/other.tar.gz, framework: xgboost}"


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = tmp_path_factory.mktemp("traffic")
    copy_models(folder, ())
    pack(folder / "models/artifacts/other.tar.gz", "xgboost-model.ubj", other_churn_model()[0])
    split = HEAD.format(name="split") + f"variants: [{{name: challenger, weight: 1, {OTHER}}}]\n"
    (folder / "models/split.yaml").write_text(split)
    shadowed = HEAD.format(name="shadowed") + f"shadow: {{traffic_percent: 100, {OTHER}}}\n"
    (folder / "models/shadowed.yaml").write_text(shadowed)
    made = bootstrapped(Cdk(folder / "models", environment_of(local_cloud), folder / "cdk.out"))
    made.deploy()
    yield made
    made.destroy()


@pytest.fixture(scope="module")
def expected() -> dict:
    return expected_of("churn")


def call(session, endpoint: str, rows: list, **more) -> tuple[str, float]:
    answer = session.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=json.dumps(rows).encode(), ContentType="application/json", **more
    )
    return answer["InvokedProductionVariant"], json.loads(answer["Body"].read())["predictions"][0]


def test_requests_are_split_by_weight(cdk, session, expected):
    endpoint = endpoint_of(session, "split")
    found = Counter(call(session, endpoint, expected["rows"][:1])[0] for _ in range(200))
    assert 20 <= found["challenger"] <= 80, f"about a quarter of 200: {found}"


def test_a_variant_can_be_asked_for(cdk, session, expected):
    endpoint, rows = endpoint_of(session, "split"), expected["rows"][:1]
    main = call(session, endpoint, rows, TargetVariant="AllTraffic")
    challenger = call(session, endpoint, rows, TargetVariant="challenger")
    assert main[1] == pytest.approx(expected["predictions"][0], abs=1e-6)
    assert challenger[0] == "challenger" and challenger[1] != pytest.approx(main[1], abs=1e-3)


def test_a_shadow_sees_the_requests_and_answers_nobody(cdk, session, expected):
    endpoint = endpoint_of(session, "shadowed")
    answers = [call(session, endpoint, expected["rows"][:1]) for _ in range(30)]
    assert {name for name, _ in answers} == {"AllTraffic"}
    np.testing.assert_allclose([value for _, value in answers], expected["predictions"][0], atol=1e-6)
    cloudwatch = session.client("cloudwatch")

    def shadow_counted() -> bool:
        rows = cloudwatch.list_metrics(Namespace="AWS/SageMaker", MetricName="Invocations")["Metrics"]
        return any({"Name": "VariantName", "Value": "Shadow"} in row["Dimensions"] for row in rows)

    wait_for(shadow_counted, 20)


def test_requests_and_answers_are_captured_as_json_lines(cdk, session, expected):
    EndpointClient("shadowed", session=session).predict(expected["rows"])
    s3, endpoint = session.client("s3"), endpoint_of(session, "shadowed")
    config = session.client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    target = session.client("sagemaker").describe_endpoint_config(EndpointConfigName=config)["DataCaptureConfig"][
        "DestinationS3Uri"
    ]
    bucket, _, prefix = target.removeprefix("s3://").partition("/")
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}{endpoint}/AllTraffic/")["Contents"]]
    records = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    sides = [row["captureData"] for row in records]
    assert all(side["endpointInput"]["encoding"] == "JSON" for side in sides)
    captured = [json.loads(side["endpointOutput"]["data"])["predictions"] for side in sides]
    assert any(np.allclose(values, expected["predictions"], atol=1e-6) for values in captured if len(values) == 5)
    assert all(row["eventVersion"] == "0" and row["eventMetadata"]["eventId"] for row in records)
