"""A fleet of thirty, a third of it idle: the proposals bring it down by what they promised, measured before and after."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from greensage.client import EndpointClient
from greensage.optimize import optimize
from tests.cloud.conftest import Cdk, bootstrapped, environment_of
from tests.cloud.lookup import endpoint_of, expected_of, invoke, wait_for
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.cloud
MODELS, IDLE, RATE = 30, 10, 0.5
SPEC = """\
name: {name}
model: {{artifact: churn.tar.gz, framework: xgboost, allow_code: true}}
region: {{allowed: [eu-north-1]}}
# What its owner guessed.
traffic: {{requests_per_day: 500_000, pattern: steady}}
sla: {{latency_p95_ms: 1000, cold_start_ok: true}}
hosting:
  kind: real-time
  instance_type: ml.c8g.large
"""


class Load:
    """Calls the models that are not idle, each `RATE` times a second, until the end; keeps what failed."""

    def __init__(self, names: list[str], session: Any) -> None:
        self.failures: list[str] = []
        self.answers = 0
        self._row = expected_of("churn")["rows"][:1]
        self._stop = threading.Event()
        clients = [EndpointClient(name, session=session) for name in names]
        self._threads = [threading.Thread(target=self._call, args=(clients[first::4],), daemon=True) for first in range(4)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, clients: list[EndpointClient]) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            for client in clients:
                try:
                    client.predict(self._row)
                    self.answers += 1
                except Exception as error:
                    self.failures.append(repr(error))
            self._stop.wait(max(0.0, 1 / RATE - (time.monotonic() - began)))


@pytest.fixture(scope="module")
def fleet(local_cloud, session, tmp_path_factory) -> Any:
    folder = tmp_path_factory.mktemp("operate")
    models = folder / "models"
    models.mkdir()
    # Compiled, because thirty processes that import XGBoost take a minute to start.
    optimize(ARTIFACTS / "churn.tar.gz", architecture="x86_64", passes=["trees-compiled"], rounds=1, out=models / "churn.tar.gz")
    for name in names():
        (models / f"{name}.yaml").write_text(SPEC.format(name=name))
    made = bootstrapped(Cdk(models, environment_of(local_cloud), folder / "cdk.out"))
    made.deploy()
    leave_behind(session)
    yield made
    made.destroy()


def leave_behind(session: Any) -> None:
    """What people leave: a model with a configuration that no endpoint has, and the logs of an endpoint that went."""
    sagemaker = session.client("sagemaker")
    # One of the fleet's own: what other tests left in a shared cloud may be a pipeline, which has no primary container.
    config = sagemaker.describe_endpoint(EndpointName=endpoint_of(session, names()[0]))["EndpointConfigName"]
    name = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
    model = sagemaker.describe_model(ModelName=name)
    sagemaker.create_model(
        ModelName="left-behind", ExecutionRoleArn=model["ExecutionRoleArn"], PrimaryContainer=model["PrimaryContainer"]
    )
    variant = {"VariantName": "v", "ModelName": "left-behind", "InstanceType": "ml.c8g.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="left-behind-config", ProductionVariants=[variant])
    session.client("logs").create_log_group(logGroupName="/aws/sagemaker/Endpoints/left-behind")


def names() -> list[str]:
    return [f"model-{index:02d}" for index in range(MODELS)]


def greensage(cdk: Cdk, *arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greensage", *arguments]
    done = subprocess.run(command, env=cdk.environment, capture_output=True, text=True, check=False)
    assert done.returncode in codes, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def live(cdk: Cdk, window: str = "1m") -> dict[str, Any]:
    return json.loads(greensage(cdk, "footprint", str(cdk.models), "--live", "--window", window, "--json").stdout)


def total(found: dict[str, Any], figure: str) -> float:
    return sum(row["month"][figure]["mid"] for row in found["endpoints"])


def test_a_fleet_is_brought_down_by_what_the_proposals_promised(fleet, session):
    busy = names()[IDLE:]
    with Load(busy, session) as load:
        time.sleep(75)
        before = live(fleet)
        # In one go: another look a moment later might propose something else than what was promised.
        window = ["--models", str(fleet.models), "--window", "1m", "--min-history", "1m"]
        done = greensage(fleet, "rightsize", *window, "--write", "--json")
        found = {row["model"]: row for row in json.loads(done.stdout)["proposals"]}
        fleet.deploy()
        time.sleep(75)
        after = live(fleet)
    assert load.failures == [] and load.answers > 1_000
    assert {found[name]["state"] for name in names()[:IDLE]} == {"change"}
    assert all(found[name]["changes"]["traffic.requests_per_day"] == 0 for name in names()[:IDLE])
    for figure in ("carbon_g", "energy_kwh", "cost_usd"):
        promised = sum(
            row["now"][figure]["mid"] - row["then"][figure]["mid"] for row in found.values() if row["state"] == "change"
        )
        measured = total(before, figure) - total(after, figure)
        assert promised > 0.5 * total(before, figure), figure
        # What was promised is saved, within a tenth; more where the machine was too busy to send as much as before.
        assert 0.9 * promised <= measured <= 1.5 * promised, figure
    text = Path(fleet.models / "model-00.yaml").read_text()
    assert "# What its owner guessed." in text and "requests_per_day: 0" in text


def test_the_weekly_review_says_what_to_do_and_keeps_the_kpis(fleet, session):
    """The deployed function, by its own role's rights: three lines, a mail through its topic, and the month's table."""
    received = listen(session)
    found = invoke(session, "greensage: the weekly review")
    assert len(found["lines"]) == 3, found["lines"]
    sizes, unused, kpi = found["lines"]
    # The endpoints are some minutes old.
    assert sizes == f"Right-size: nothing to change among {MODELS} models; of {MODELS} there is not enough data."
    assert unused.startswith("Clean up: ") and "vCPU-hours per 1,000 inferences" in kpi
    mail = json.loads(wait_for(received)[0]["Body"])
    assert mail["Subject"] == found["subject"] and mail["Message"] == "\n".join(found["lines"])
    shown = json.loads(greensage(fleet, "kpi", "--models", str(fleet.models), "--json").stdout)
    assert set(shown["models"]) >= set(names()) and shown["problems"] == []
    busy, idle = shown["models"][names()[-1]][-1], shown["models"][names()[0]][-1]
    assert busy["vcpu_hours_per_1000"] > 0 and busy["carbon_low_g"] < busy["carbon_g"]
    assert idle["vcpu_hours_per_1000"] is None
    bucket = session.client("ssm").get_parameter(Name="/greensage/platform/artifact-bucket")["Parameter"]["Value"]
    table = session.client("s3").get_object(Bucket=bucket, Key=f"kpi/{busy['month']}.jsonl")["Body"].read().decode()
    assert {json.loads(line)["model"] for line in table.splitlines()} >= set(names())


def listen(session: Any) -> Any:
    stack = session.client("cloudformation").describe_stacks(StackName="greensage-platform-eu-north-1")["Stacks"][0]
    topic = next(row["OutputValue"] for row in stack["Outputs"] if row["OutputKey"] == "ReviewTopic")
    queues = session.client("sqs")
    url = queues.create_queue(QueueName="readers-of-the-review")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    session.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return lambda: queues.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")


def test_what_was_left_behind_goes_and_nothing_that_serves(fleet, session, tmp_path):
    options = ["--older-than", "1m", "--ledger", str(tmp_path / "ledger.jsonl"), "--json"]
    found = json.loads(greensage(fleet, "clean", str(fleet.models), *options).stdout)
    # The first deployment's groups of logs are stacks' own; what scaled, moved or was replaced left nothing.
    left, idle = ([row for row in found["unused"] if (row["kind"] == "idle endpoint") is which] for which in (False, True))
    assert {row["name"] for row in left} == {"left-behind", "left-behind-config", "/aws/sagemaker/Endpoints/left-behind"}
    # They have stacks: told, and not deleted.
    assert len(idle) >= IDLE and all("rightsize --write" in row["advice"] for row in idle)
    assert found["problems"] == []
    greensage(fleet, "clean", str(fleet.models), *options, "--yes")
    found = json.loads(greensage(fleet, "clean", str(fleet.models), *options).stdout)
    assert {row["kind"] for row in found["unused"]} == {"idle endpoint"} and found["stacks"] == []
    row = expected_of("churn")["rows"][:1]
    for name in (names()[0], names()[-1]):
        assert EndpointClient(name, session=session).predict(row)
    ledger = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    definition = next(line["definition"] for line in ledger if line["name"] == "left-behind")
    made = session.client("sagemaker").create_model(**definition)
    assert made["ModelArn"].endswith("left-behind"), "what the ledger says restores it"
    session.client("sagemaker").delete_model(ModelName="left-behind")
