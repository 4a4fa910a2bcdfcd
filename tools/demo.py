"""`make demo`: real models on a local cloud, deployed by the real CDK CLI, called, compared, destroyed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.client import EndpointClient  # noqa: E402
from greensage.commands.plan_output import plan_overview, plan_reasons  # noqa: E402
from greensage.errors import GreensageError  # noqa: E402
from greensage.local.cloud import ACCOUNT, LocalCloud  # noqa: E402
from greensage.planner import (  # noqa: E402
    ModelPlan,
    Plan,
    fleet_footprint,
    fleet_ladder,
    plan_with_choices,
)
from greensage.report import report_data, report_html  # noqa: E402
from greensage.spec import EdgeHosting, load_specs  # noqa: E402

REGION = "eu-north-1"
CDK = [str(ROOT / "node_modules/.bin/cdk"), "--no-notices"]
TOLERANCE = 1e-5
JOB_LOGS = "/aws/sagemaker/TransformJobs"
Ask = Callable[[list[list[float]]], list[Any]]
_STACK_EVENT = re.compile(r"^\S+ \|.*\| (\w+_COMPLETE) +\| AWS::CloudFormation::Stack +\| (\S+)")


def main() -> int:
    """Run the whole demo; 0 when every endpoint answered right and nothing is left."""
    started = time.monotonic()
    stop_when_told()
    cloud = LocalCloud(ROOT / ".greensage/demo")
    step("Starting the local cloud")
    cloud.down()
    running = cloud.up(owned=True, say=print)
    print(f"  runs at {running.url}, loopback only; log: {cloud.log_file.relative_to(ROOT)}")
    environment = {**os.environ, **cloud.environment(REGION), "CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION}
    os.environ.update(cloud.environment(REGION))
    try:
        good = show(environment, running.pid)
    finally:
        cloud.down()
    print(f"\n{'Done' if good else 'FAILED'} in {time.monotonic() - started:.0f} s.")
    return 0 if good else 1


def show(environment: dict[str, str], cloud_pid: int) -> bool:
    """Deploy, explain, call and destroy; return whether all was right."""
    fleet, chosen = plan_with_choices(load_specs(ROOT / "models"), default_region=REGION)
    step("cdk bootstrap")
    cdk(["bootstrap", *(f"aws://{ACCOUNT}/{region}" for region in fleet.regions)], environment)
    step("cdk deploy --all")
    cdk(["deploy", "--all", "--require-approval", "never", "--concurrency", "4"], environment)
    step("What was deployed")
    footprint = fleet_footprint(fleet)
    print(plan_overview(fleet, footprint, fleet_ladder(fleet, chosen, footprint)))
    step("Why")
    print(plan_reasons(fleet))
    step("The report")
    data = report_data(fleet, chosen, footprint)
    (ROOT / "report.html").write_text(report_html(data), encoding="utf-8")
    print("  wrote report.html: open it in a browser; it needs no network")
    step("Calling every model with boto3")
    right = call_all(fleet)
    step("cdk destroy --all")
    cdk(["destroy", "--all", "--force", "--concurrency", "4"], environment)
    step("What is left")
    return nothing_left(fleet, cloud_pid) and right


def stop_when_told() -> None:
    """Have a polite kill end the program in the way of an exception, so that what it started is stopped."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


class Told:
    """Prints a line every few seconds while something takes long: `with Told("deploying") as told: told.now = "4 of 9"`."""

    def __init__(self, what: str, seconds: float = 5.0) -> None:
        self.what, self.now, self._seconds = what, "", seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> Told:
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _tell(self) -> None:
        while not self._end.wait(self._seconds):
            more = f": {self.now}" if self.now else ""
            print(f"  ... {time.monotonic() - self._started:.0f} s, {self.what}{more}", flush=True)


def step(text: str) -> None:
    """Print a headline."""
    print(f"\n== {text}", flush=True)


def cdk(arguments: list[str], environment: dict[str, str]) -> None:
    """Run the CDK CLI on our app and print each stack as it is done; end the demo with its output if it fails."""
    command = [*CDK, "--app", f"{sys.executable} app.py", *arguments, "--progress", "events"]
    log = ROOT / ".greensage/demo/cdk.log"
    started, lines = time.monotonic(), []
    with (
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
        log.open("a") as file,
        Told(f"cdk {arguments[0]}") as told,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            file.write(line)
            told.now = _event(line) or told.now
            found = _STACK_EVENT.match(line)
            if found:
                print(f"  {time.monotonic() - started:5.1f} s  {found.group(2):<32} {found.group(1)}", flush=True)
    if process.returncode != 0:
        print("".join(lines[-40:]))
        raise GreensageError(f"cdk {arguments[0]} failed; its whole output: {log}")


def _event(line: str) -> str:
    """What CloudFormation is at, in a line of the CDK's progress."""
    parts = [part.strip() for part in line.split("|")]
    return f"{parts[-1]} {parts[-3]}".strip()[:60] if len(parts) >= 5 else ""


def call_all(fleet: Plan) -> bool:
    """Call each model with rows it has not seen and compare with its own predictions in Python."""
    good = True
    for model in fleet.models:
        expected = json.loads((ROOT / f"models/artifacts/{model.name}.expected.json").read_text())
        ask = {"batch": ask_batch, "edge": ask_device}.get(model.kind, ask_endpoint)(model)
        answer, first = timed(ask, expected["rows"])
        _, second = timed(ask, expected["rows"])
        distance = float(np.abs(np.asarray(answer) - np.asarray(expected["predictions"])).max())
        good &= distance <= TOLERANCE
        verdict = "same as in Python" if distance <= TOLERANCE else "WRONG"
        print(
            f"  {model.name:<9} {model.kind:<21} {len(answer)} rows  largest difference {distance:.1e}  {verdict}  "
            f"first call {first:,.0f} ms, second {second:,.0f} ms"
        )
    return good


def timed(ask: Ask, rows: list[list[float]]) -> tuple[list[Any], float]:
    """Return the answer and how long it took in milliseconds."""
    started = time.perf_counter()
    answer = ask(rows)
    return answer, (time.perf_counter() - started) * 1000


def ask_endpoint(model: ModelPlan) -> Ask:
    """Ask whatever endpoint hosts the model."""
    return EndpointClient(model.name).predict


def ask_batch(model: ModelPlan) -> Ask:
    """Put a file where it arrives and wait for the one that comes out."""
    place = json.loads(boto3.client("ssm").get_parameter(Name=f"/greensage/models/{model.name}")["Parameter"]["Value"])["batch"]
    s3 = boto3.client("s3")

    def ask(rows: list[list[float]]) -> list[float]:
        name = f"{time.monotonic_ns()}.csv"
        s3.put_object(Bucket=place["bucket"], Key=place["input"] + name, Body="\n".join(",".join(map(repr, row)) for row in rows))
        key = f"{place['output']}{name}.out"
        s3.get_waiter("object_exists").wait(Bucket=place["bucket"], Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        return [float(line) for line in s3.get_object(Bucket=place["bucket"], Key=key)["Body"].read().splitlines()]

    return ask


def ask_device(model: ModelPlan) -> Ask:
    """Ask the stand-in device of the model's first group, on its loopback."""
    assert isinstance(model.spec.hosting, EdgeHosting)
    device = f"{model.spec.hosting.device_groups[0]}-device"
    found = boto3.client("greengrassv2", region_name=model.region).list_installed_components(coreDeviceThingName=device)
    url = found["installedComponents"][0]["lifecycleStateDetails"].split()[-1]

    def ask(rows: list[list[float]]) -> list[Any]:
        body = json.dumps({"instances": rows}).encode()
        request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["predictions"]

    return ask


def nothing_left(fleet: Plan, cloud_pid: int) -> bool:
    """Count what the stacks could have left behind, the CDK's own bootstrap aside."""
    counts = {
        "endpoints": ("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
        "endpoint configs": ("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        "models": ("sagemaker", "list_models", "Models", "ModelName"),
        "components": ("sagemaker", "list_inference_components", "InferenceComponents", "InferenceComponentName"),
        "state machines": ("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "rules": ("events", "list_rules", "Rules", "Name"),
        "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
        "log groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "buckets": ("s3", "list_buckets", "Buckets", "Name"),
        "repositories": ("ecr", "describe_repositories", "repositories", "repositoryName"),
        "roles": ("iam", "list_roles", "Roles", "RoleName"),
        "parameters": ("ssm", "describe_parameters", "Parameters", "Name"),
    }
    left = {name: sum(_count(region, *call) for region in fleet.regions) for name, call in counts.items()}
    scaling = boto3.client("application-autoscaling")
    left["scalable targets"] = len(scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"])
    devices = sum(len(model.spec.hosting.device_groups) for model in fleet.models if isinstance(model.spec.hosting, EdgeHosting))
    left["serving processes"] = len(serving_processes(cloud_pid)) - devices
    print("  " + ", ".join(f"{count} {name}" for name, count in left.items()))
    print(f"  (the account keeps one log group for all its transform jobs, {JOB_LOGS}; its events expire;")
    print(f"  and {devices} device keeps its model until the next deployment to its group, as Greengrass does)")
    return not any(left.values())


def serving_processes(cloud_pid: int) -> list[int]:
    """Return the ids of the serving processes that the local cloud has started."""
    command = ["pgrep", "-P", str(cloud_pid), "-f", "supervise.py"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _count(region: str, service: str, operation: str, rows: str, name: str) -> int:
    """Count what `operation` lists, without what `cdk bootstrap` made and what a whole account shares."""
    listed = getattr(boto3.client(service, region_name=region), operation)()[rows]  # type: ignore[call-overload]
    names = [row[name] for row in listed]
    return sum(1 for found in names if found != JOB_LOGS and not found.lstrip("/").startswith("cdk-"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GreensageError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(2)
