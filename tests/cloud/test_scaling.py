"""Scaling policies are evaluated: capacity goes up under load and down after it, to zero and back, by schedule and alarm."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from greensage.client import EndpointClient
from tests.cloud.conftest import Cdk, bootstrapped, environment_of
from tests.cloud.lookup import copy_models, endpoint_of, expected_of, instances_of, place_of, wait_for

pytestmark = pytest.mark.cloud
NAMES = ("churn", "digits", "scans", "pixels")


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = tmp_path_factory.mktemp("scaling")
    copy_models(folder, NAMES)
    change(folder, "churn", "region:", "hosting: {kind: real-time, max_instances: 4}\nschedule:\n"
           "  - {name: office, at: cron(0 8 ? * MON-FRI *), timezone: Europe/Stockholm, min: 2}\n"
           "  - {name: night, at: cron(0 18 ? * MON-FRI *), timezone: Europe/Stockholm, min: 1}\nregion:")  # fmt: skip
    change(folder, "digits", "region:", "hosting: {kind: serverless, max_concurrency: 20, provisioned_concurrency: 1, "
           "max_provisioned_concurrency: 5}\nregion:")  # fmt: skip
    change(folder, "scans", "kind: asynchronous", "kind: asynchronous\n  max_instances: 3\n  backlog_per_instance: 2")
    made = bootstrapped(Cdk(folder / "models", environment_of(local_cloud), folder / "cdk.out"))
    made.deploy()
    yield made
    made.destroy()


def change(folder, name: str, old: str, new: str) -> None:
    path = folder / f"models/{name}.yaml"
    path.write_text(path.read_text().replace(old, new, 1))


@contextmanager
def load(client: EndpointClient, rows: list[list[float]], threads: int = 1) -> Iterator[None]:
    """Call without a pause from some threads."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            client.predict(rows)

    workers = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    yield
    stop.set()
    for worker in workers:
        worker.join()


def retarget(session, resource: str, dimension: str, target: float) -> None:
    """Set the deployed policy's target so low that a test's load crosses it; everything else stays as deployed."""
    scaling = session.client("application-autoscaling")
    (policy,) = [
        row
        for row in scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=resource)["ScalingPolicies"]
        if row["PolicyType"] == "TargetTrackingScaling"
    ]
    config = {**policy["TargetTrackingScalingPolicyConfiguration"], "TargetValue": target}
    scaling.put_scaling_policy(
        ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension=dimension, PolicyName=policy["PolicyName"],
        PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=config,
    )  # fmt: skip


def test_instances_go_up_under_load_and_down_after_it(cdk, session):
    endpoint = endpoint_of(session, "churn")
    retarget(session, f"endpoint/{endpoint}/variant/AllTraffic", "sagemaker:variant:DesiredInstanceCount", 10)
    assert instances_of(session, endpoint) == 1
    with load(EndpointClient("churn", session=session), expected_of("churn")["rows"][:1]):
        wait_for(lambda: instances_of(session, endpoint) == 4, 60)
    wait_for(lambda: instances_of(session, endpoint) == 1, 90)


def test_instances_do_not_move_without_load(cdk, session):
    endpoint = endpoint_of(session, "churn")
    time.sleep(4)
    assert instances_of(session, endpoint) == 1


def test_asynchronous_instances_follow_the_queue_from_zero_and_back(cdk, session):
    endpoint = endpoint_of(session, "scans")
    wait_for(lambda: instances_of(session, endpoint) == 0, 90)
    place = place_of(session, "scans")["asynchronous"]
    session.client("s3").put_object(
        Bucket=place["bucket"], Key="input/one", Body=json.dumps({"instances": expected_of("scans")["rows"]})
    )
    runtime = session.client("sagemaker-runtime")
    sent = [
        runtime.invoke_endpoint_async(
            EndpointName=endpoint, InputLocation=f"s3://{place['bucket']}/input/one", ContentType="application/json"
        )["OutputLocation"]
        for _ in range(200)
    ]
    wait_for(lambda: instances_of(session, endpoint) >= 1, 30)
    s3 = session.client("s3")
    wait_for(lambda: s3.list_objects_v2(Bucket=place["bucket"], Prefix="results/")["KeyCount"] >= len(set(sent)), 60)
    wait_for(lambda: instances_of(session, endpoint) == 0, 90)


def test_warm_environments_have_limits_and_their_own_policy(cdk, session):
    endpoint = endpoint_of(session, "digits")
    scaling = session.client("application-autoscaling")
    resource = f"endpoint/{endpoint}/variant/AllTraffic"
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[resource])["ScalableTargets"]
    assert (target["ScalableDimension"], target["MinCapacity"], target["MaxCapacity"]) == (
        "sagemaker:variant:DesiredProvisionedConcurrency", 1, 5,
    )  # fmt: skip
    variant = session.client("sagemaker").describe_endpoint(EndpointName=endpoint)["ProductionVariants"][0]
    assert variant["CurrentServerlessConfig"]["ProvisionedConcurrency"] == 1


def test_scheduled_limits_are_registered(cdk, session):
    resource = f"endpoint/{endpoint_of(session, 'churn')}/variant/AllTraffic"
    rows = session.client("application-autoscaling").describe_scheduled_actions(ServiceNamespace="sagemaker", ResourceId=resource)
    found = {row["ScheduledActionName"]: row for row in rows["ScheduledActions"]}
    assert found.keys() == {"office", "night"}
    assert found["office"]["Timezone"] == "Europe/Stockholm"
    assert found["office"]["ScalableTargetAction"] == {"MinCapacity": 2}


def test_copies_of_a_component_go_up_under_load_to_zero_and_back(cdk, session):
    sagemaker = session.client("sagemaker")

    def copies() -> int:
        return sagemaker.describe_inference_component(InferenceComponentName="vision-pixels")["RuntimeConfig"]["DesiredCopyCount"]

    retarget(session, "inference-component/vision-pixels", "sagemaker:inference-component:DesiredCopyCount", 10)
    client = EndpointClient("pixels", session=session)
    with load(client, expected_of("pixels")["rows"][:1]):
        wait_for(lambda: copies() == 2, 60)
    wait_for(lambda: copies() == 0, 90)
    client.predict(expected_of("pixels")["rows"][:1])
    # One woke it; what the client tried meanwhile may be enough for a second.
    assert copies() in (1, 2)
