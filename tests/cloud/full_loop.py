"""A deployed model with everything that a loop can have: a person, a pruning function, alerts, a green hour."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from greensage.local import cloud as local
from greensage.local.cloud import ACCOUNT, LocalCloud
from tests.looped import NAMES, write_models

from .conftest import REGION, Cdk, bootstrapped, environment_of, session_of

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
    approval_hours: 1, engine: ENGINE, optimize: "{OPTIMIZE}", flexible_hours: 24, max_run_minutes: 5, max_wait_minutes: 5}}
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

    def __init__(self, cloud: LocalCloud, output: Path) -> None:
        self.cloud, self.session = cloud, session_of(cloud)
        self.machines, self.s3 = self.session.client("stepfunctions"), self.session.client("s3")
        self.functions, self.sagemaker = self.session.client("lambda"), self.session.client("sagemaker")
        rows = self.session.client("cloudformation").describe_stack_resources(StackName="full")["StackResources"]
        self.ids = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
        self.monitor = self.id("DriftMachine", ":stateMachine:")
        place = self.session.client("ssm").get_parameter(Name="/greensage/models/full")["Parameter"]["Value"]
        self.bucket, self.endpoint = json.loads(place)["loop"]["bucket"], json.loads(place)["endpoint"]
        self.unclean: set[str] = set()  # what a clean-up that never ran had to leave
        self.number, self.seen, self.pipeline, self.output = 0, defaultdict(set), "", output
        self.told: list[dict] = []  # messages that ask for nothing

    def id(self, start: str, part: str = "") -> str:
        return next(value for key, value in self.ids.items() if key.startswith(start) and part in value)

    @property
    def retraining(self) -> str:
        """The state machine's ARN."""
        return self.id("Retraining", ":stateMachine:")

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
        return {**run, "input_name": arn.rsplit(":", 1)[1], "entered": entered, "record": self.record(arn.rsplit(":", 1)[1])}

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

    def heard(self, name: str) -> bool:
        """Whether people were told of the failure of an execution."""
        return any(name in row.get("text", "") for row in self.told)

    def record(self, name: str) -> dict | None:
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=f"records/{name}.json")["Body"]
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
                self.told.append(asked)
                continue
            assert asked["question"] == "Deploy the challenger?" and asked["verdict"]["promote"] is True
            if self.pipeline:
                self.answer_pipeline(how, asked["token"])
            elif how == "approve":
                self.machines.send_task_success(taskToken=asked["token"], output=json.dumps({"by": "Ada"}))
            elif how == "reject":
                self.machines.send_task_failure(taskToken=asked["token"], error="Rejected", cause="not on a Friday")

    def answer_pipeline(self, how: str, token: str) -> None:
        if how == "approve":
            self.sagemaker.send_pipeline_execution_step_success(CallbackToken=token)
        elif how == "reject":
            self.sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="not on a Friday")

    def setting(self, function: str, name: str):
        """Return a setting of a deployed function."""
        answer = self.functions.get_function_configuration(FunctionName=self.id(function))
        return json.loads(answer["Environment"]["Variables"]["SETTINGS"])[name]

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
            "artifacts": self.artifacts(packages) - {self.champion()} - self.unclean,
            "pending": [row for row in packages if row["ModelApprovalStatus"] == "PendingManualApproval"],
        }

    def may(self, role: str, action: str, resource: str) -> bool:
        """Whether IAM's simulator lets the role whose logical id starts with `role` do it."""
        name = next(value for key, value in self.ids.items() if key.startswith(role) and ":" not in value)
        answer = self.session.client("iam").simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", ActionNames=[action], ResourceArns=[resource]
        )
        return answer["EvaluationResults"][0]["EvalDecision"] == "allowed"

    def champion(self) -> str:
        """The archive that serves."""
        name = next(value for key, value in self.ids.items() if key.startswith("Champion"))
        return json.loads(self.session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])["artifact"]

    def artifacts(self, packages: list[dict]) -> set[str]:
        """Archives of challengers that no package and no champion has."""
        kept = {self.archive_of(row["ModelPackageArn"]) for row in packages}
        pages = self.s3.get_paginator("list_objects_v2")
        place = self.champion().removeprefix("s3://").split("/")
        rows = [row for page in pages.paginate(Bucket=place[0], Prefix="/".join(place[1:3])) for row in page.get("Contents", [])]
        return {f"s3://{place[0]}/{row['Key']}" for row in rows if "/retrained/" in row["Key"]} - kept

    def archive_of(self, package: str) -> str:
        described = self.sagemaker.describe_model_package(ModelPackageName=package)
        return described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]

    def handled(self) -> set[str]:
        """The executions whose end was seen to."""
        rows = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="state/handled/").get("Contents", [])
        return {row["Key"].rsplit("/", 1)[1].removesuffix(".json") for row in rows}

    def packages(self) -> list[dict]:
        (group,) = self.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        return self.sagemaker.list_model_packages(ModelPackageGroupName=group["ModelPackageGroupName"])["ModelPackageSummaryList"]


def write_full(folder, engine: str, model: str) -> None:
    write_models(folder, model.replace("ENGINE", engine), script=TRAIN)
    random = np.random.default_rng(5)
    for name in ("data", "holdout"):
        features = random.random((400, 30))
        rows = np.column_stack([features, features[:, 3] > 0.5]).tolist()
        text = io.StringIO()
        csv.writer(text).writerows([[*NAMES, "y"], *rows])
        (folder / f"{name}.csv").write_text(text.getvalue())


@contextmanager
def deployed(tmp_path_factory, engine: str, python: str = sys.executable, model: str = MODEL) -> Iterator[Full]:
    """Deploy the model to a local cloud of its own, with the engine's app run by `python`."""
    patch = pytest.MonkeyPatch()
    patch.setattr(local, "TIME_SCALE", str(SCALE))
    cloud = LocalCloud(tmp_path_factory.mktemp("full-cloud"))
    cloud.up(auth=True)
    folder = tmp_path_factory.mktemp("models") / "m"
    write_full(folder, engine, model)
    session = session_of(cloud)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as content:
        content.writestr("prune.py", PRUNE)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = session.client("iam").create_role(RoleName="pruner", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    session.client("lambda").create_function(
        FunctionName="prune", Runtime="python3.13", Handler="prune.handler", Code={"ZipFile": code.getvalue()},
        Role=role,
    )  # fmt: skip
    topic = session.client("sns").create_topic(Name="people")["TopicArn"]
    inbox = f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox"
    sent = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": inbox}
    rights = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [sent]})}
    queue = session.client("sqs").create_queue(QueueName="inbox", Attributes=rights)["QueueUrl"]
    session.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox)
    session.client("sqs").purge_queue(QueueUrl=queue)
    cdk = bootstrapped(Cdk(folder, environment_of(cloud), tmp_path_factory.mktemp("out"), python))
    cdk.deploy()
    made = Full(cloud, cdk.output)
    made.change("RetrainingDataFunction", flexible_hours=0)
    yield made
    cdk.destroy()
    cloud.down()
    patch.undo()
