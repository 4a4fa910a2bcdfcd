"""What an update replaces: CloudFormation names models and configs, so nothing that a user changes can block it."""

from __future__ import annotations

import json

import pytest

from greensage.client import EndpointClient
from tests.cloud.conftest import Cdk, RequestLoop, bootstrapped, environment_of
from tests.cloud.lookup import place_of
from tests.cloud.models import other_churn_model, pack
from tests.conftest import ROOT
from tests.looped import RETRAINED, write_models

pytestmark = pytest.mark.cloud
APP = str(ROOT / "tests/cloud/replacing_app.py")
PARAMETER = "/greensage/champions/retrained"


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = write_models(tmp_path_factory.mktemp("replaced") / "models", RETRAINED)
    made = bootstrapped(Cdk(folder, environment_of(local_cloud), folder.parent / "cdk.out", app=APP))
    made.deploy()
    yield made
    made.destroy()


@pytest.fixture
def champion(session):
    ssm = session.client("ssm")
    return json.loads(ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"])


def deploy(cdk: Cdk, stacks: str = "retrained", **context: str) -> None:
    given = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
    alone = [] if stacks == "--all" else ["--exclusively"]
    cdk("deploy", stacks, *alone, *given, "--require-approval", "never")


def served(session) -> tuple[dict, dict]:
    """The config and the model that serve."""
    sagemaker = session.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=place_of(session, "retrained")["endpoint"])
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    return config, sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])


def test_a_retrained_model_gets_a_new_archive_without_a_failed_request(cdk, session):
    model, predictions, rows = other_churn_model()
    with RequestLoop(EndpointClient("retrained", session=session), rows) as loop:
        pack(cdk.models / "retrained.tar.gz", "xgboost-model.ubj", model)
        deploy(cdk)
    assert loop.failures == []
    assert loop.answers[-1] == pytest.approx(predictions[0], abs=1e-6)


def test_the_escape_hatch_works_on_every_update(cdk, session):
    for value in (20, 30):
        paths = {
            "config": {"ProductionVariants.0.VolumeSizeInGB": value},
            "model": {"PrimaryContainer.Environment.MINE": str(value)},
        }
        deploy(cdk, override=json.dumps(paths))
        config, model = served(session)
        assert config["ProductionVariants"][0]["VolumeSizeInGB"] == value
        assert model["PrimaryContainer"]["Environment"]["MINE"] == str(value)


def test_an_override_does_not_undo_a_retraining(cdk, session, champion):
    bucket, _, key = champion["artifact"].removeprefix("s3://").partition("/")
    better = f"{key.rsplit('/', 1)[0]}/retrained/r7.tar.gz"
    session.client("s3").copy_object(Bucket=bucket, Key=better, CopySource={"Bucket": bucket, "Key": key})
    value = json.dumps({**champion, "artifact": f"s3://{bucket}/{better}", "id": "r7"})
    session.client("ssm").put_parameter(Name=PARAMETER, Value=value, Overwrite=True)
    deploy(cdk, override=json.dumps({"config": {"ProductionVariants.0.VolumeSizeInGB": 40}}))
    assert served(session)[1]["PrimaryContainer"]["ModelDataUrl"] == f"s3://{bucket}/{better}"


def test_another_platform_bucket_moves_the_models_to_it(cdk, session, champion):
    _, predictions, rows = other_churn_model()
    deploy(cdk, "--all", bucket="Other")
    bucket = session.client("ssm").get_parameter(Name="/greensage/platform/artifact-bucket")["Parameter"]["Value"]
    assert bucket not in champion["artifact"]
    assert served(session)[1]["PrimaryContainer"]["ModelDataUrl"].startswith(f"s3://{bucket}/models/retrained/")
    assert EndpointClient("retrained", session=session).predict(rows) == pytest.approx(predictions, abs=1e-6)
