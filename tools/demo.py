"""`make demo`: real models on a local cloud, deployed by the real CDK CLI, called, compared, destroyed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import boto3
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "constructs"))

from greensage.client import EndpointClient  # noqa: E402
from greensage.errors import GreensageError  # noqa: E402
from greensage.local.cloud import ACCOUNT, LocalCloud  # noqa: E402
from greensage.planner import Plan, plan  # noqa: E402
from greensage.show import plan_reasons, plan_table  # noqa: E402
from greensage.spec import load_specs  # noqa: E402

REGION = "eu-north-1"
CDK = [str(ROOT / "node_modules/.bin/cdk"), "--no-notices"]
TOLERANCE = 1e-5
_STACK_EVENT = re.compile(r"^\S+ \|.*\| (\w+_COMPLETE) +\| AWS::CloudFormation::Stack +\| (\S+)")


def main() -> int:
    """Run the whole demo; 0 when every endpoint answered right and nothing is left."""
    started = time.monotonic()
    cloud = LocalCloud(ROOT / ".greensage/demo")
    step("Starting the local cloud")
    cloud.down()
    running = cloud.up(say=print)
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
    step("cdk bootstrap")
    cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}"], environment)
    step("cdk deploy --all")
    cdk(["deploy", "--all", "--require-approval", "never", "--concurrency", "4"], environment)
    fleet = plan(load_specs(ROOT / "models"), default_region=REGION)
    step("What was deployed")
    print(plan_table(fleet))
    step("Why")
    print(plan_reasons(fleet))
    step("Calling every model with boto3's sagemaker-runtime")
    right = call_all(fleet)
    step("cdk destroy --all")
    cdk(["destroy", "--all", "--force", "--concurrency", "4"], environment)
    step("What is left")
    return nothing_left(cloud_pid) and right


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
    ):
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            file.write(line)
            found = _STACK_EVENT.match(line)
            if found:
                print(f"  {time.monotonic() - started:5.1f} s  {found.group(2):<32} {found.group(1)}", flush=True)
    if process.returncode != 0:
        print("".join(lines[-40:]))
        raise GreensageError(f"cdk {arguments[0]} failed; its whole output: {log}")


def call_all(fleet: Plan) -> bool:
    """Call each model with rows it has not seen and compare with its own predictions in Python."""
    good = True
    for model in fleet.models:
        expected = json.loads((ROOT / f"models/artifacts/{model.name}.expected.json").read_text())
        client = EndpointClient(model.name)
        started = time.perf_counter()
        answer = np.asarray(client.predict(expected["rows"]))
        first = (time.perf_counter() - started) * 1000
        started = time.perf_counter()
        client.predict(expected["rows"])
        second = (time.perf_counter() - started) * 1000
        distance = float(np.abs(answer - np.asarray(expected["predictions"])).max())
        verdict = "same as in Python" if distance <= TOLERANCE else "WRONG"
        good &= distance <= TOLERANCE
        print(
            f"  {model.name:<8} {len(answer)} rows  largest difference {distance:.1e}  {verdict}  "
            f"first call {first:.0f} ms, second {second:.0f} ms"
        )
    return good


def nothing_left(cloud_pid: int) -> bool:
    """Count what the stacks could have left behind, the CDK's own bootstrap aside."""
    counts = {
        "endpoints": ("sagemaker", "list_endpoints", "Endpoints", "EndpointName"),
        "endpoint configs": ("sagemaker", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        "models": ("sagemaker", "list_models", "Models", "ModelName"),
        "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
        "log groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "buckets": ("s3", "list_buckets", "Buckets", "Name"),
        "repositories": ("ecr", "describe_repositories", "repositories", "repositoryName"),
        "roles": ("iam", "list_roles", "Roles", "RoleName"),
        "parameters": ("ssm", "describe_parameters", "Parameters", "Name"),
    }
    left = {name: _count(*call) for name, call in counts.items()}
    scaling = boto3.client("application-autoscaling")
    left["scalable targets"] = len(scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"])
    left["serving processes"] = len(serving_processes(cloud_pid))
    print("  " + ", ".join(f"{count} {name}" for name, count in left.items()))
    return not any(left.values())


def serving_processes(cloud_pid: int) -> list[int]:
    """Return the ids of the serving processes that the local cloud has started."""
    command = ["pgrep", "-P", str(cloud_pid), "-f", "supervise.py"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _count(service: str, operation: str, rows: str, name: str) -> int:
    """Count what `operation` lists, without what `cdk bootstrap` made."""
    listed = getattr(boto3.client(service), operation)()[rows]  # type: ignore[call-overload]
    return sum(1 for row in listed if not row[name].lstrip("/").startswith("cdk-"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GreensageError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(2)
