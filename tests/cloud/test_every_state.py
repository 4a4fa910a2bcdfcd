"""Every state, retry and catch of the loop's two state machines is entered, by faults on request, and counted at the end."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import zipfile
from collections import defaultdict
from datetime import UTC, datetime

import numpy as np
import pytest

from greensage.local import cloud as local
from greensage.local.cloud import ACCOUNT, LocalCloud
from tests.looped import NAMES, write_models

from .conftest import REGION, Cdk, bootstrapped, environment_of, session_of

pytestmark = pytest.mark.cloud
# An hour lasts 18 seconds: people who do not answer, and hours of green electricity, are waited for.
SCALE = 0.005
OPTIMIZE = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:prune"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:people"
MODEL = f"""
name: full
model: {{artifact: full.tar.gz, framework: xgboost}}
sla: {{latency_p95_ms: 5000, cold_start_ok: false}}
region: {{allowed: [{REGION}]}}
hosting: real-time
capture: {{sample_percent: 100}}
drift: {{kpi: {{auc: 0.8}}, notify: "{TOPIC}"}}
retraining:
  {{source: training, data: data.csv, holdout: holdout.csv, label: y, margin: 0, cooldown_days: 0, approval: person,
    approval_hours: 1, optimize: "{OPTIMIZE}", flexible_hours: 24, max_run_minutes: 5, max_wait_minutes: 5}}
"""
TRAIN = """
import csv, os
from pathlib import Path
import numpy as np, xgboost
rows = [row for path in Path(os.environ["SM_CHANNEL_TRAIN"]).glob("*.csv") for row in list(csv.reader(path.open()))[1:]]
table = np.array(rows, dtype=float)
made = xgboost.train({"seed": 1, "nthread": 1}, xgboost.DMatrix(table[:, :-1], label=table[:, -1]), num_boost_round=5)
made.save_model(Path(os.environ["SM_MODEL_DIR"]) / "model.ubj")
"""
PRUNE = "def handler(event, context):\n    return {'artifact': event['artifact']}\n"


class Full:
    """The deployed model's machines, and what was seen of their states."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud, self.session = cloud, session_of(cloud)
        self.machines, self.s3 = self.session.client("stepfunctions"), self.session.client("s3")
        self.functions, self.sagemaker = self.session.client("lambda"), self.session.client("sagemaker")
        rows = self.session.client("cloudformation").describe_stack_resources(StackName="full")["StackResources"]
        self.ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
        self.retraining, self.monitor = self.id("Retraining", ":stateMachine:"), self.id("DriftMachine", ":stateMachine:")
        place = self.session.client("ssm").get_parameter(Name="/greensage/models/full")["Parameter"]["Value"]
        self.bucket, self.endpoint = json.loads(place)["loop"]["bucket"], json.loads(place)["endpoint"]
        self.number, self.seen = 0, defaultdict(set)

    def id(self, start: str, part: str = "") -> str:
        return next(value for key, value in self.ids.items() if key.startswith(start) and part in value)

    def definition(self, machine: str) -> dict:
        return json.loads(self.machines.describe_state_machine(stateMachineArn=machine)["definition"])["States"]

    def faults(self, *rows: dict) -> None:
        (self.cloud.folder / "faults.json").write_text(json.dumps(rows))

    def run(self, *faults: dict, answer: str | None = "approve", **state) -> dict:
        """Run one retraining with faults; a person answers the question in the way that `answer` says."""
        self.number += 1
        self.faults(*faults)
        given = {"number": self.number, "name": f"retraining-{self.number}", "report": "by-hand", "reasons": ["a test"], **state}
        arn = self.machines.start_execution(stateMachineArn=self.retraining, name=given["name"], input=json.dumps(given))
        found = self.watch(self.retraining, arn["executionArn"], answer)
        self.faults()
        return found

    def evaluate(self, *faults: dict) -> dict:
        self.faults(*faults)
        arn = self.machines.start_execution(stateMachineArn=self.monitor, input=json.dumps({"time": ""}))
        found = self.watch(self.monitor, arn["executionArn"], None)
        self.faults()
        return found

    def watch(self, machine: str, arn: str, answer: str | None) -> dict:
        while (run := self.machines.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if answer:
                self.answer(answer)
            time.sleep(0.05)
        self.answer("with silence")
        pages = self.machines.get_paginator("get_execution_history").paginate(executionArn=arn)
        entered = self.note(self.definition(machine), [event for page in pages for event in page["events"]])
        return {**run, "entered": entered, "record": self.record(arn.rsplit(":", 1)[1])}

    def note(self, states: dict, events: list[dict]) -> list[str]:
        """Remember which states were entered, retried and left by a catch; return those entered, in order."""
        entered, failed = [], False
        for event in events:
            if "stateEnteredEventDetails" in event:
                name = event["stateEnteredEventDetails"]["name"]
                if failed and name in {row["Next"] for row in states[entered[-1]].get("Catch", [])}:
                    self.seen["caught"].add(entered[-1])
                entered.append(name)
                failed = False
            elif event["type"] == "TaskFailed":
                failed = True
            elif event["type"] == "TaskScheduled" and failed:
                self.seen["retried"].add(entered[-1])
                failed = False
        self.seen["entered"] |= set(entered)
        return entered

    def record(self, name: str) -> dict | None:
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=f"retraining/{name}/record.json")["Body"]
        except self.s3.exceptions.NoSuchKey:
            return None
        return json.loads(body.read())

    def answer(self, how: str) -> None:
        queue = self.session.client("sqs")
        url = queue.get_queue_url(QueueName="inbox")["QueueUrl"]
        for message in queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            asked = json.loads(json.loads(message["Body"])["Message"])
            if "token" not in asked:
                continue
            assert asked["question"] == "Deploy the challenger?" and asked["verdict"]["promote"] is True
            if how == "approve":
                self.machines.send_task_success(taskToken=asked["token"], output=json.dumps({"by": "Ada"}))
            elif how == "reject":
                self.machines.send_task_failure(taskToken=asked["token"], error="Rejected", cause="not on a Friday")

    def change(self, function: str, **changes) -> None:
        """Change settings of a deployed function."""
        name = self.id(function)
        variables = self.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["SETTINGS"] = json.dumps({**json.loads(variables["SETTINGS"]), **changes})
        self.functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    def left(self) -> dict:
        """What a retraining must not leave: models beside the one that serves, jobs that run, packages that wait."""
        serving = self.sagemaker.describe_endpoint(EndpointName=self.endpoint)["EndpointConfigName"]
        config = self.sagemaker.describe_endpoint_config(EndpointConfigName=serving)
        used = config["ProductionVariants"][0]["ModelName"]
        models = {row["ModelName"] for row in self.sagemaker.list_models()["Models"]}
        packages = self.packages()
        return {
            "models": {name for name in models if "-r" in name} - {used},
            "jobs": self.sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"],
            "pending": [row for row in packages if row["ModelApprovalStatus"] == "PendingManualApproval"],
        }

    def packages(self) -> list[dict]:
        (group,) = self.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        return self.sagemaker.list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])["ModelPackageSummaryList"]


def write_full(folder) -> None:
    write_models(folder, MODEL, script=TRAIN)
    random = np.random.default_rng(5)
    for name in ("data", "holdout"):
        features = random.random((400, 30))
        rows = np.column_stack([features, features[:, 3] > 0.5]).tolist()
        text = io.StringIO()
        csv.writer(text).writerows([[*NAMES, "y"], *rows])
        (folder / f"{name}.csv").write_text(text.getvalue())


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(local, "TIME_SCALE", str(SCALE))
    cloud = LocalCloud(tmp_path_factory.mktemp("full-cloud"))
    cloud.up()
    folder = tmp_path_factory.mktemp("models") / "m"
    write_full(folder)
    session = session_of(cloud)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as content:
        content.writestr("prune.py", PRUNE)
    session.client("lambda").create_function(
        FunctionName="prune", Runtime="python3.13", Handler="prune.handler", Code={"ZipFile": code.getvalue()},
        Role=f"arn:aws:iam::{ACCOUNT}:role/anybody",
    )  # fmt: skip
    topic = session.client("sns").create_topic(Name="people")["TopicArn"]
    queue = session.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    session.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox")
    session.client("sqs").purge_queue(QueueUrl=queue)
    cdk = bootstrapped(Cdk(folder, environment_of(cloud), tmp_path_factory.mktemp("out")))
    cdk.deploy()
    made = Full(cloud)
    made.change("RetrainingDataFunction", flexible_hours=0)
    yield made
    cdk.destroy()
    cloud.down()
    patch.undo()


TASKS = (
    "Prepare", "CompareJob", "Compare", "Optimize", "Register", "AskAPerson", "Approve", "Deploy", "CheckUpdate", "Finish",
    "RecordPromoted", "Tell",
)  # fmt: skip


def test_each_answer_may_be_lost_once_and_all_goes_well(full):
    """Every function does its work twice: none makes a second package, model or update of it."""
    before = len(full.packages())
    jobs = [{"fault": "CreateTrainingJob", "times": 1}, {"fault": "CreateProcessingJob", "times": 1}]
    lost = [{"fault": "task-timeout", "state": name} for name in TASKS if name not in ("CompareJob", "AskAPerson", "Tell")]
    unsent = [
        {"fault": "task-failure", "state": "AskAPerson", "error": "SNS.ThrottledException"},
        {"fault": "task-failure", "state": "Tell"},
    ]
    run = full.run(*jobs, *lost, *unsent)
    assert run["status"] == "SUCCEEDED" and run["record"]["outcome"] == "promoted", run
    assert len(full.packages()) == before + 1 and not any(full.left().values())


@pytest.mark.parametrize("state", TASKS)
def test_what_goes_on_failing_is_caught_and_leaves_nothing_half_made(full, state):
    jobs = {"CompareJob": "CreateProcessingJob"}
    fault = {"fault": jobs[state], "times": 99} if state in jobs else {"fault": "task-failure", "state": state, "times": 99}
    run = full.run(fault)
    ended = "SUCCEEDED" if state == "Tell" else "FAILED"
    assert run["status"] == ended and state in full.seen["caught"], run
    if state not in ("Tell", "RecordPromoted"):
        assert run["entered"][-4:] == ["CleanUp", "RecordFailed", "TellFailure", "Failed"]
    # Once the endpoint serves the challenger, it is the champion, whatever fails after that.
    serves = state in ("CheckUpdate", "Finish")
    assert (
        run["record"] is None
        if state == "RecordPromoted"
        else run["record"]["outcome"] == ("promoted" if serves or state == "Tell" else "failed")
    )
    assert not any(full.left().values())


def test_the_training_fails_in_each_way(full):
    quota = full.run({"fault": "CreateTrainingJob", "times": 99})
    assert quota["record"]["outcome"] == "failed" and "NextPlace" in quota["entered"]
    none = full.run({"fault": "spot-capacity", "times": 3}, {"fault": "CreateTrainingJob", "matching": "-t3-", "times": 1})
    assert none["record"]["outcome"] == "promoted" and none["entered"].count("Stopped") == 3
    assert none["record"]["training"]["type"] == "ml.m5.large"
    demand = full.run({"fault": "spot-capacity", "times": 3}, {"fault": "training-failure", "times": 9})
    assert (
        demand["record"]
        and demand["record"]["outcome"] == "failed"
        and {"TrainOnDemand", "NextPlace"} <= full.seen["caught"] | {"NextPlace"}
    ), demand
    lost = full.run({"fault": "training-failure", "times": 1}, {"fault": "task-timeout", "state": "NextPlace"})
    assert lost["record"]["outcome"] == "failed" and "NextPlace" in full.seen["retried"]
    full.run({"fault": "training-failure", "times": 1}, {"fault": "task-failure", "state": "NextPlace", "times": 9})
    assert "NextPlace" in full.seen["caught"] and not any(full.left().values())


def test_losers_are_dropped_whatever_fails_then(full):
    rules = json.loads(full.functions.get_function_configuration(FunctionName=full.id("RetrainingDataFunction"))
                       ["Environment"]["Variables"]["SETTINGS"])["rules"]  # fmt: skip
    full.change("RetrainingDataFunction", rules={**rules, "margin": 2})
    kept = full.run({"fault": "task-timeout", "state": "DropLoser"}, {"fault": "task-timeout", "state": "RecordKept"})
    assert kept["status"] == "SUCCEEDED" and kept["record"]["outcome"] == "kept"
    assert full.run({"fault": "task-failure", "state": "DropLoser", "times": 9})["record"]["outcome"] == "failed"
    assert full.run({"fault": "task-failure", "state": "RecordKept", "times": 9})["status"] == "FAILED"
    again = full.run(
        {"fault": "task-failure", "state": "DropLoser", "times": 1},
        *({"fault": "task-timeout", "state": name} for name in ("CleanUp", "RecordFailed")),
        {"fault": "task-failure", "state": "TellFailure"},
    )
    assert again["record"]["outcome"] == "failed"
    full.run({"fault": "task-failure", "state": "DropLoser"}, {"fault": "task-failure", "state": "CleanUp", "times": 9})
    full.run({"fault": "task-failure", "state": "DropLoser"}, {"fault": "task-failure", "state": "RecordFailed", "times": 9})
    full.run({"fault": "task-failure", "state": "DropLoser"}, {"fault": "task-failure", "state": "TellFailure", "times": 9})
    full.change("RetrainingDataFunction", rules=rules)
    full.run()  # and what a failed clean-up or record has left does not stop the next one
    assert not any(full.left().values())


def test_a_person_may_refuse_or_never_answer(full):
    refused = full.run(answer="reject")
    assert refused["record"]["outcome"] == "failed" and "Rejected" in json.dumps(refused["record"]["failure"])
    assert "Deploy" not in refused["entered"]
    begun = time.monotonic()
    silent = full.run(answer=None)
    assert "States.Timeout" in json.dumps(silent["record"]["failure"]) and time.monotonic() - begun > 3_600 * SCALE
    assert {row["ModelApprovalStatus"] for row in full.packages()} <= {"Approved", "Rejected"} and not any(full.left().values())


def test_a_training_waits_for_the_green_hour(full):
    now = datetime.now(UTC)
    left = 3_600 - now.minute * 60 - now.second
    full.change("RetrainingDataFunction", flexible_hours=24, green_hour=(now.hour + 1) % 24)
    begun = time.monotonic()
    run = full.run()
    full.change("RetrainingDataFunction", flexible_hours=0)
    assert run["record"]["outcome"] == "promoted" and time.monotonic() - begun > left * SCALE


def test_an_update_that_is_rolled_back_and_one_that_cannot_be_cleaned_up_yet(full):
    rolled = full.run({"fault": "endpoint-update", "times": 1})
    assert "RolledBack" in rolled["entered"] and rolled["record"]["outcome"] == "failed"
    # The update goes on while the step that began it is given up: the challenger is not deleted under it.
    lost = full.run({"fault": "task-timeout", "state": "Deploy", "times": 9})
    assert lost["record"]["outcome"] == "promoted" and lost["record"]["failure"]["Error"] == "Sandbox.Timedout"
    assert not any(full.left().values())


def test_a_second_one_is_refused(full):
    other = threading.Thread(target=full.run)
    other.start()
    time.sleep(1)
    given = {"number": 900, "name": "retraining-900", "report": "x", "reasons": []}
    arn = full.machines.start_execution(stateMachineArn=full.retraining, name=given["name"], input=json.dumps(given))
    run = full.watch(full.retraining, arn["executionArn"], None)
    other.join()
    assert run["entered"] == ["Prepare", "IsItAlone", "Refused"]


def windows(full, *, limits: tuple[int, ...], faults: tuple[dict, ...] = ()) -> list[dict]:
    """Evaluate the newest captures once for each limit of what the function reads itself."""
    reports = []
    for limit in limits:
        full.change("DriftEvaluateFunction", large_mb=limit)
        full.s3.delete_object(Bucket=full.bucket, Key="state/history.json")  # the same window again
        run = full.evaluate(*faults)
        assert run["status"] == "SUCCEEDED", run
        name = json.loads(run["output"])["id"]
        reports.append(json.loads(full.s3.get_object(Bucket=full.bucket, Key=f"reports/{name}.json")["Body"].read()))
    return reports


def test_both_engines_say_the_same_of_the_same_window(full):
    """Model Monitor's container for large windows, and the function: one report, but for its id and engine."""
    runtime, random = full.session.client("sagemaker-runtime"), np.random.default_rng(9)
    for row in random.random((300, 30)) * 0.5:
        body = ",".join(f"{cell:.4f}" for cell in row)
        runtime.invoke_endpoint(EndpointName=full.endpoint, ContentType="text/csv", Body=body)
    time.sleep(1.5)
    first = full.s3.list_objects_v2(Bucket=full.bucket, Prefix="capture/")["Contents"][0]["Key"]
    short = full.s3.get_object(Bucket=full.bucket, Key=first)["Body"].read().splitlines()[0].replace(b"0.", b"0,", 1)
    full.s3.put_object(Bucket=full.bucket, Key="capture/full/AllTraffic/2026/11/25/00/short.jsonl", Body=short)
    lost = tuple({"fault": "task-timeout", "state": name} for name in ("Collect", "Report"))
    ours, theirs = windows(full, limits=(9_999, 0), faults=(*lost, {"fault": "CreateProcessingJob", "times": 1}))
    assert (ours["engine"], theirs["engine"]) == ("lambda", "model-monitor")
    assert ours["rows"] == theirs["rows"] >= 300 and len(ours["drifted"]) >= 25
    assert ours["bad_lines"] == theirs["bad_lines"] == {"schema": 1}
    differing = {key for key in ours if ours[key] != theirs.get(key)}
    assert differing <= {"id", "engine", "until", "requests", "quarantine"} and list(ours) == list(theirs), differing
    kept = full.s3.get_object(Bucket=full.bucket, Key=theirs["quarantine"])["Body"].read()
    assert json.loads(kept)["reason"] == "a row has 31 features, 30 are expected"


def test_what_the_container_cannot_read_the_function_does(full):
    """A half-written file is fatal to the job, and to nothing else; the report says who read the window, and why."""
    full.s3.put_object(Bucket=full.bucket, Key="capture/full/AllTraffic/2026/11/25/00/half.jsonl", Body=b'{"captureData": {"endp')
    (report,) = windows(full, limits=(0,))
    assert report["engine"] == "lambda" and "AlgorithmError" in report["job_failure"]
    assert report["bad_lines"] == {"schema": 1, "unreadable": 1} and report["rows"] >= 300


def test_every_state_retry_and_catch_was_entered(full):
    """Last: what the tests above have met, against what the deployed machines have."""
    states = {**full.definition(full.retraining), **full.definition(full.monitor)}
    assert set(states) - full.seen["entered"] == set()
    assert {name for name, row in states.items() if "Retry" in row} - full.seen["retried"] == set()
    assert {name for name, row in states.items() if "Catch" in row} - full.seen["caught"] == set()
