"""One fleet's life with the real CDK CLI: deploy, answer, change under load, fail and roll back, destroy."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from greensage.client import EndpointClient
from greensage.local.cloud import LocalCloud
from tests.cloud.conftest import Cdk, RequestLoop, bootstrapped, environment_of, session_of
from tests.cloud.lookup import copy_models, place_of
from tests.cloud.models import other_churn_model, pack

pytestmark = pytest.mark.cloud
NAMES = ("churn", "wine", "iris", "digits")


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory):
    """A cloud of its own, because the last test looks at all that is left in it."""
    cloud = LocalCloud(tmp_path_factory.mktemp("lifecycle-cloud"))
    cloud.up()
    yield cloud
    cloud.down()


@pytest.fixture(scope="module")
def session(local_cloud):
    return session_of(local_cloud)


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = tmp_path_factory.mktemp("fleet")
    models = copy_models(folder, NAMES)
    made = bootstrapped(Cdk(models, environment_of(local_cloud), folder / "cdk.out"))
    made.deploy()
    return made


@pytest.fixture
def sagemaker(session):
    return session.client("sagemaker")


def rows_of(cdk: Cdk, name: str) -> dict:
    return json.loads((cdk.models / f"artifacts/{name}.expected.json").read_text())


def endpoint_of(session, name: str) -> dict:
    return session.client("sagemaker").describe_endpoint(EndpointName=place_of(session, name)["endpoint"])


def edit(cdk: Cdk, name: str, old: str, new: str) -> None:
    path = cdk.models / f"{name}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_answers_with_the_models_own_predictions(cdk, session, name):
    wanted = rows_of(cdk, name)
    answer = EndpointClient(name, session=session).predict(wanted["rows"])
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-5)


def test_three_kinds_are_deployed(cdk, session, sagemaker):
    variants = {name: endpoint_of(session, name)["ProductionVariants"][0] for name in NAMES}
    assert "CurrentServerlessConfig" in variants["digits"]
    assert variants["churn"]["CurrentInstanceCount"] == 1
    assert place_of(session, "wine")["endpoint"] == place_of(session, "iris")["endpoint"]


def test_a_groups_instance_type_changes_by_its_stack_alone_without_a_failed_request(cdk, session):
    wanted = rows_of(cdk, "wine")
    before = place_of(session, "wine")["endpoint"]
    for name in ("wine", "iris"):
        edit(cdk, name, "group: tabular", "group: tabular\nhosting: {kind: multi-model, instance_type: ml.c8g.large}")
    with RequestLoop(EndpointClient("wine", session=session), wanted["rows"]) as loop:
        cdk("deploy", "tabular", "--exclusively", "--require-approval", "never")
    assert loop.failures == [] and len(loop.answers) > 50
    after = place_of(session, "wine")["endpoint"]
    assert after != before and after.endswith("mm-c8g-large")


def test_logs_are_written_into_the_group_that_expires(cdk, session):
    name = f"/aws/sagemaker/Endpoints/{place_of(session, 'churn')['endpoint']}"
    logs = session.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert group["retentionInDays"] == 14
    lines = logs.filter_log_events(logGroupName=name)["events"]
    assert any("started" in line["message"] for line in lines)


def test_metrics_are_published(cdk, session):
    EndpointClient("churn", session=session).predict(rows_of(cdk, "churn")["rows"])
    found = session.client("cloudwatch").list_metrics(Namespace="AWS/SageMaker")["Metrics"]
    assert {"Invocations", "ModelLatency", "InvocationsPerInstance"} <= {row["MetricName"] for row in found}


def test_a_bad_request_is_a_model_error_that_names_the_log_group(cdk, session):
    runtime = session.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="the model takes 30 features in a row, got 2") as caught:
        runtime.invoke_endpoint(EndpointName=place_of(session, "churn")["endpoint"], Body=b"1,2", ContentType="text/csv")
    assert "/aws/sagemaker/Endpoints/churn" in str(caught.value)


def test_a_new_archive_is_served_without_a_failed_request(cdk, session):
    model, predictions, rows = other_churn_model()
    endpoint = place_of(session, "churn")["endpoint"]
    with RequestLoop(EndpointClient("churn", session=session), rows) as loop:
        pack(cdk.models / "artifacts/churn.tar.gz", "xgboost-model.ubj", model)
        cdk.deploy("churn")
    assert loop.failures == [] and len(loop.answers) > 50
    assert loop.answers[0] != pytest.approx(predictions[0], abs=1e-4)
    assert loop.answers[-1] == pytest.approx(predictions[0], abs=1e-6)
    assert place_of(session, "churn")["endpoint"] == endpoint, "the endpoint keeps its name"


def test_the_replaced_archive_is_deleted_but_can_be_restored(cdk, session):
    s3 = session.client("s3")
    bucket = session.client("ssm").get_parameter(Name="/greensage/platform/artifact-bucket")["Parameter"]["Value"]
    assert len(s3.list_objects_v2(Bucket=bucket, Prefix="models/churn/")["Contents"]) == 1
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="models/churn/")["Versions"]) == 2


def keep_what_runs(session, resource: str) -> None:
    """Without load the policy would take the second instance away again before the test looks."""
    scaling = session.client("application-autoscaling")
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
    keys = ("ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyName", "PolicyType")
    config = {**policy["TargetTrackingScalingPolicyConfiguration"], "DisableScaleIn": True}
    scaling.put_scaling_policy(TargetTrackingScalingPolicyConfiguration=config, **{key: policy[key] for key in keys})


def test_scaling_limits_change_in_place_and_counts_survive(cdk, session):
    endpoint = place_of(session, "churn")["endpoint"]
    keep_what_runs(session, f"endpoint/{endpoint}/variant/AllTraffic")
    sagemaker = session.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    )
    edit(cdk, "churn", "region:", "hosting: {kind: real-time, min_instances: 1, max_instances: 6}\nregion:")
    edit(cdk, "churn", "requests_per_day: 200_000", "requests_per_day: 300_000")
    _, _, rows = other_churn_model()
    with RequestLoop(EndpointClient("churn", session=session), rows) as loop:
        cdk.deploy("churn")
    assert loop.failures == []
    (row,) = session.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{endpoint}/variant/AllTraffic"]
    )["ScalableTargets"]
    assert (row["MinCapacity"], row["MaxCapacity"]) == (1, 6)
    assert endpoint_of(session, "churn")["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def test_the_instance_type_changes_under_a_scalable_target_without_a_failed_request(cdk, session):
    before = place_of(session, "churn")["endpoint"]
    edit(cdk, "churn", "kind: real-time,", "kind: real-time, instance_type: ml.c8g.large,")
    _, _, rows = other_churn_model()
    with RequestLoop(EndpointClient("churn", session=session), rows) as loop:
        cdk.deploy("churn")
    assert loop.failures == [] and len(loop.answers) > 50
    after = place_of(session, "churn")["endpoint"]
    assert after != before and after.endswith("c8g-large")
    assert [
        row["EndpointName"] for row in session.client("sagemaker").list_endpoints()["Endpoints"] if "churn" in row["EndpointName"]
    ] == [after]
    groups = session.client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/churn")["logGroups"]
    assert [row["logGroupName"] for row in groups] == [f"/aws/sagemaker/Endpoints/{after}"]


def test_a_broken_archive_rolls_back_says_why_and_keeps_serving(cdk, session):
    good = (cdk.models / "artifacts/churn.tar.gz").read_bytes()
    _, predictions, rows = other_churn_model()
    with RequestLoop(EndpointClient("churn", session=session), rows) as loop:
        pack(cdk.models / "artifacts/churn.tar.gz", "xgboost-model.ubj", b"not a model")
        done = cdk.deploy("churn", check=False)
    assert done.returncode != 0
    assert "did not pass the ping health check" in done.stdout + done.stderr
    assert loop.failures == []
    assert loop.answers[-1] == pytest.approx(predictions[0], abs=1e-6)
    stack = session.client("cloudformation").describe_stacks(StackName="churn")["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    (cdk.models / "artifacts/churn.tar.gz").write_bytes(good)
    cdk.deploy("churn")
    assert EndpointClient("churn", session=session).predict(rows) == pytest.approx(predictions, abs=1e-6)


def test_serverless_memory_changes_in_place(cdk, session):
    wanted = rows_of(cdk, "digits")
    endpoint = place_of(session, "digits")["endpoint"]
    edit(cdk, "digits", "region:", "hosting: {kind: serverless, memory_mb: 3072}\nregion:")
    with RequestLoop(EndpointClient("digits", session=session), wanted["rows"]) as loop:
        cdk.deploy("digits")
    assert loop.failures == []
    assert endpoint_of(session, "digits")["ProductionVariants"][0]["CurrentServerlessConfig"]["MemorySizeInMB"] == 3072
    assert place_of(session, "digits")["endpoint"] == endpoint


def test_a_model_joins_changes_and_leaves_a_group_without_touching_the_endpoint(cdk, session):
    before = endpoint_of(session, "wine")
    (cdk.models / "wine2.yaml").write_text((cdk.models / "wine.yaml").read_text().replace("name: wine", "name: wine2"))
    wanted = rows_of(cdk, "wine")
    with RequestLoop(EndpointClient("wine", session=session), wanted["rows"]) as loop:
        cdk.deploy("wine2")
        np.testing.assert_allclose(
            EndpointClient("wine2", session=session).predict(wanted["rows"]), wanted["predictions"], atol=1e-6
        )
        first = place_of(session, "wine2")["targetModel"]
        shutil.copy(cdk.models / "artifacts/iris.tar.gz", cdk.models / "artifacts/wine2.tar.gz")
        edit(cdk, "wine2", "artifacts/wine.tar.gz", "artifacts/wine2.tar.gz")
        cdk.deploy("wine2")
        iris = rows_of(cdk, "iris")
        np.testing.assert_allclose(EndpointClient("wine2", session=session).predict(iris["rows"]), iris["predictions"], atol=1e-6)
        assert place_of(session, "wine2")["targetModel"] != first
        cdk("destroy", "wine2", "--force", "--exclusively")
    (cdk.models / "wine2.yaml").unlink()
    assert loop.failures == []
    after = endpoint_of(session, "wine")
    assert (before["LastModifiedTime"], before["EndpointConfigName"]) == (after["LastModifiedTime"], after["EndpointConfigName"])


def test_one_model_deploys_alone_with_its_context_key(cdk):
    done = cdk("deploy", "-c", "model=churn", "churn", "--require-approval", "never")
    assert "no changes" in done.stdout + done.stderr
    listed = cdk("list", "-c", "model=churn").stdout.split()
    assert listed == ["churn"]


def test_the_hosting_kind_changes_in_one_deploy_without_a_failed_request(cdk, session):
    path = cdk.models / "churn.yaml"
    text = re.sub(r"hosting: .*\n", "hosting: serverless\n", path.read_text())
    path.write_text(text.replace("cold_start_ok: false", "cold_start_ok: true"))
    _, predictions, rows = other_churn_model()
    with RequestLoop(EndpointClient("churn", session=session), rows) as loop:
        cdk.deploy("churn")
    assert loop.failures == [] and loop.answers[-1] == pytest.approx(predictions[0], abs=1e-6)
    assert "CurrentServerlessConfig" in endpoint_of(session, "churn")["ProductionVariants"][0]


def test_models_name_images_by_digest_and_tags_do_not_move(cdk, session):
    ecr = session.client("ecr")
    repository = session.client("ssm").get_parameter(Name="/greensage/platform/serving-repository")["Parameter"]["Value"]
    images = ecr.describe_images(repositoryName=repository)["imageDetails"]
    digests = {image["imageDigest"] for image in images}
    rows = session.client("sagemaker").list_models()["Models"]
    models = [session.client("sagemaker").describe_model(ModelName=row["ModelName"]) for row in rows]
    named = {model["PrimaryContainer"]["Image"].partition("@")[2] for model in models if "PrimaryContainer" in model}
    assert named and named <= digests
    known = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": images[0]["imageTags"][0]}])["images"][0]
    with pytest.raises(ecr.exceptions.ImageTagAlreadyExistsException):
        ecr.put_image(repositoryName=repository, imageManifest=known["imageManifest"], imageTag=images[0]["imageTags"][0])


def test_destroy_leaves_nothing(cdk, session, local_cloud):
    cdk.destroy()
    sagemaker = session.client("sagemaker")
    assert not sagemaker.list_endpoints()["Endpoints"] and not sagemaker.list_models()["Models"]
    assert not sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert not session.client("logs").describe_log_groups()["logGroups"]
    assert not session.client("lambda").list_functions()["Functions"]
    buckets = [row["Name"] for row in session.client("s3").list_buckets()["Buckets"]]
    assert all(name.startswith("cdk-") for name in buckets)
    roles = [row["RoleName"] for row in session.client("iam").list_roles()["Roles"]]
    assert all(name.startswith("cdk-") for name in roles)
    running = local_cloud.status()
    assert running is not None
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_text() for child in children]
    assert not [command for command in commands if "supervise" in command]
