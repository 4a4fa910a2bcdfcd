"""`make demo-drift`: real prices drift, the alarm goes off, one retraining, a better model promoted, and no second one.

Each window is two weeks of half-hours. What EventBridge's schedule starts once a day on AWS is started here by hand after
each window; the schedule itself runs too, in the local cloud's time.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "tools")]

import elec2  # noqa: E402
from demo import Told, cdk, step, stop_when_told  # noqa: E402

from greensage.drift.labels import label_line  # noqa: E402
from greensage.local.cloud import ACCOUNT, LocalCloud  # noqa: E402

REGION, MODEL, ROWS = "eu-north-1", "elec2", 672
BEFORE, AFTER = (-2, -1), (0, 1, 2, 3)
WHY = """  Why nothing is trained yet: drift says that the inputs are others, not that the answers are worse. The AUC of
  the labelled answers still holds its 0.65, and a model trained on two new weeks would be a worse one. A training that
  nobody needs costs energy and puts what works at risk; so drift alone tells people, and a KPI that falls retrains
  (drift.on_drift: retrain would have it otherwise)."""
MODELS = ["-c", f"models={ROOT / 'examples/drift'}"]


def main() -> int:
    """Run the whole demo; 0 when everything happened as it should."""
    started = time.monotonic()
    stop_when_told()
    step("Real electricity prices, and a model trained on 1996")
    elec2.main()
    cloud = LocalCloud(ROOT / ".greensage/demo-drift")
    step("Starting the local cloud")
    cloud.down()
    cloud.up(owned=True, say=print)
    environment = {**os.environ, **cloud.environment(REGION), "CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION}
    os.environ.update(cloud.environment(REGION))
    (ROOT / ".greensage/demo").mkdir(parents=True, exist_ok=True)
    try:
        step("cdk deploy: endpoint, capture, monitor, retraining")
        cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}", *MODELS], environment)
        cdk(["deploy", "--all", "--require-approval", "never", *MODELS], environment)
        good = Loop(*elec2.series()).run()
        step("cdk destroy")
        cdk(["destroy", "--all", "--force", *MODELS], environment)
    finally:
        cloud.down()
    print(f"\n{'Done' if good else 'FAILED'} in {time.monotonic() - started:.0f} s.")
    return 0 if good else 1


class Loop:
    """Sends windows of traffic and their labels, has them evaluated, and looks at what was decided."""

    def __init__(self, features: np.ndarray, labels: np.ndarray) -> None:
        self.features, self.labels = features, labels
        place = json.loads(boto3.client("ssm").get_parameter(Name=f"/greensage/models/{MODEL}")["Parameter"]["Value"])
        self.bucket, self.endpoint = place["loop"]["bucket"], place["endpoint"]
        rows = boto3.client("cloudformation").describe_stack_resources(StackName=MODEL)["StackResources"]
        rows = [row for row in rows if row["ResourceType"].endswith("StateMachine")]
        machines = {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}
        self.monitor = next(arn for name, arn in machines.items() if name.startswith("Drift"))
        self.retraining = next(arn for name, arn in machines.items() if name.startswith("Retraining"))
        self.s3, self.machines = boto3.client("s3"), boto3.client("stepfunctions")
        self.runtime = boto3.client("sagemaker-runtime")

    def run(self) -> bool:
        """Return whether the loop did what it should: nothing, then an alert, then one retraining, then nothing."""
        step("Before 2 May 1997: the market of New South Wales alone")
        good = all(self.window(index)["action"] == "none" for index in BEFORE)
        step("After it: Victoria trades too")
        actions = [self.window(index)["action"] for index in AFTER[:2]]
        print("  the alarm went off before any label said that the answers are worse" if "alert" in actions else "  NO ALARM")
        print(WHY)
        # One alert when it begins; while it lasts nobody is told again.
        good = good and "retrain" not in actions and actions.count("alert") == 1
        decision = self.window(AFTER[2])
        good = good and decision["action"] == "retrain"
        step("Retraining, while requests go on")
        good = self.retrain(decision) and good
        step("The next two weeks, answered by the new champion")
        last = self.window(AFTER[3])
        count = len(self.machines.list_executions(stateMachineArn=self.retraining)["executions"])
        print(f"  retrainings started in all: {count}")
        return good and last["action"] != "retrain" and count == 1

    def window(self, index: int) -> dict[str, Any]:
        """Send two weeks, label them, evaluate, and return the decision."""
        begin = elec2.CHANGE + index * ROWS
        name = f"w{index}-{int(time.time())}"
        lines = []
        with Told("two weeks of requests") as told:
            for offset in range(ROWS):
                identity = f"{name}-{offset}"
                self.ask(begin + offset, identity)
                lines.append(label_line(identity, float(self.labels[begin + offset])))
                told.now = f"{offset + 1} of {ROWS}"
            self.s3.put_object(Bucket=self.bucket, Key=f"labels/{name}.jsonl", Body="\n".join(lines).encode())
            told.what, told.now = "evaluating", ""
            decision = self.evaluate()
        kpi = decision["kpi"]["auc"]
        drifted = ", ".join(decision["drifted"]) or "nothing"
        print(f"  two weeks {index:+d}: AUC {kpi['value']:.3f} ({kpi['state']} {kpi['threshold']:g}); drifted: {drifted}")
        print(f"                -> {decision['action']}{': ' if decision['reasons'] else ''}{'; '.join(decision['reasons'])}")
        return decision

    def ask(self, row: int, identity: str) -> float:
        """Send one row as CSV; return the answer."""
        body = ",".join(repr(float(value)) for value in self.features[row])
        answer = self.runtime.invoke_endpoint(
            EndpointName=self.endpoint, ContentType="text/csv", Accept="text/csv", Body=body, InferenceId=identity
        )
        return float(answer["Body"].read())

    def evaluate(self) -> dict[str, Any]:
        """Have the monitor look at what is new, as its schedule would, and return what was decided on it."""
        arn = self.machines.start_execution(stateMachineArn=self.monitor, input=json.dumps({"time": ""}))["executionArn"]
        run = self.wait(arn)
        if run["status"] != "SUCCEEDED":
            raise SystemExit(f"the monitor failed: {run.get('error')} {run.get('cause')}")
        name = json.loads(run["output"])["id"]
        for _ in range(600):
            try:
                return json.loads(self.s3.get_object(Bucket=self.bucket, Key=f"decisions/{name}.json")["Body"].read())
            except self.s3.exceptions.NoSuchKey:
                time.sleep(0.1)
        raise SystemExit(f"nobody decided on {name}")

    def retrain(self, decision: dict[str, Any]) -> bool:
        """Wait for the end while requests go on; show what happened."""
        arn = f"{self.retraining.replace(':stateMachine:', ':execution:')}:{decision['execution']}"
        stop, failures, count = threading.Event(), [], [0]

        def requests() -> None:
            while not stop.is_set():
                try:
                    self.ask(elec2.CHANGE, f"during-{count[0]}")
                except Exception as problem:
                    failures.append(repr(problem))
                count[0] += 1
                time.sleep(0.01)

        thread = threading.Thread(target=requests)
        thread.start()
        with Told("retraining") as told:
            run = self.wait(arn, told)
        stop.set()
        thread.join()
        key = f"records/{decision['execution']}.json"
        record = json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        verdict, taken = record["verdict"] or {}, f"{record['kwh'] * 1000:.2f} Wh, {record['grams']:.3f} gCO2e (estimates)"
        print(f"  {record['name']}: {record['outcome']}; {'; '.join(verdict.get('reasons', []))}{record['failure'] or ''}")
        print(f"  {count[0]} requests meanwhile, {len(failures)} failed; the training took {taken}")
        return run["status"] == "SUCCEEDED" and record["outcome"] == "promoted" and not failures

    def wait(self, arn: str, told: Told | None = None) -> dict[str, Any]:
        """Return an execution that has ended; `told` says at which state it is."""
        while (run := self.machines.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if told:
                history = self.machines.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=20)["events"]
                entered = [row["stateEnteredEventDetails"]["name"] for row in history if "stateEnteredEventDetails" in row]
                told.now = entered[0] if entered else told.now
            time.sleep(0.2)
        return run


if __name__ == "__main__":
    sys.exit(main())
