"""The checks beside AwsSolutionsChecks on one app, in one process; and their memory by the number of stacks."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STACKS, ROUNDS = 100, 5


def rows() -> list[tuple[str, str, str]]:
    """The rows of RESULTS.md."""
    times = json.loads(_run("times"))
    few, many, most = (int(_run("memory", str(count))) / 1024 for count in (STACKS, STACKS * 10, STACKS * 50))
    ratio = f"1/{times['theirs'] / times['ours']:.0f} ({times['ours'] * 1000:.0f} ms against {times['theirs'] * 1000:.0f} ms"
    rules = f"{times['rules']} rules with {times['findings']} findings against AwsSolutions' {times['their_rules']}"
    text = f"{ratio}, {rules}, {times['resources']} resources in {STACKS} stacks)"
    memory = f"{most / many:.2f} x from {STACKS * 10} to {STACKS * 50} ({few:.0f}, {many:.0f} and {most:.0f} MB at {STACKS}, "
    memory += f"{STACKS * 10} and {STACKS * 50} stacks of 100 resources)"
    return [
        ("SustainabilityChecks against AwsSolutionsChecks on the same app", text, "≤ 1/10"),
        ("peak memory of the checks by the number of stacks", memory, "flat"),
    ]


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, __file__, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def build(app: Any) -> None:
    """Add 100 stacks of 10 resources each: a role, a bucket, a function, and an endpoint with its model."""
    import aws_cdk as cdk
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sagemaker as sagemaker

    for index in range(STACKS):
        stack = cdk.Stack(app, f"Model{index}", env=cdk.Environment(region="eu-west-1"))
        bucket = s3.Bucket(stack, "Bucket", enforce_ssl=True)
        role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))  # pyright: ignore[reportArgumentType]
        bucket.grant_read(role)
        lambda_.Function(
            stack,
            "Call",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(*_): ..."),
            log_group=logs.LogGroup(stack, "Logs"),
        )
        image = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
        container = sagemaker.CfnModel.ContainerDefinitionProperty(image=image, model_data_url=bucket.s3_url_for_object("a"))
        model = sagemaker.CfnModel(stack, "Model", execution_role_arn=role.role_arn, primary_container=container)
        variant = sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name="a",
            model_name=model.attr_model_name,
            instance_type="ml.m5.large",
            initial_instance_count=1,
            initial_variant_weight=1,
        )
        config = sagemaker.CfnEndpointConfig(stack, "Config", production_variants=[variant])
        sagemaker.CfnEndpoint(stack, "Endpoint", endpoint_config_name=config.attr_endpoint_config_name)


def times() -> None:
    """Interleaved: AwsSolutionsChecks over the construct tree, ours over the templates, both as the CDK calls them."""
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks

    sys.path.insert(0, str(ROOT / "constructs"))
    from greensage.checks import SustainabilityChecks

    app = cdk.App(outdir=tempfile.mkdtemp())
    build(app)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    counted: list[int] = []

    class Timed(SustainabilityChecks):
        def validate(self, context):  # type: ignore[no-untyped-def]
            started = time.perf_counter()
            report = super().validate(context)
            seconds["ours"].append(time.perf_counter() - started)
            rows: list[Any] = list(report.violations)
            counted.append(sum(len(row["violatingResources"]) for row in rows))
            return report

    pack, ours = AwsSolutionsChecks(), Timed(errors_from="never")
    cdk.Validations.of(app).add_plugins(ours)
    for _ in range(ROUNDS + 1):
        app.synth(force=True)
        started = time.perf_counter()
        pack.validate_scope(app)
        seconds["theirs"].append(time.perf_counter() - started)
    # The first round loads both.
    median = {name: statistics.median(row[1:]) for name, row in seconds.items()}
    counts = {"rules": len(ours.rule_ids), "their_rules": _their_rules(), "findings": counted[-1], "resources": _resources(app)}
    print(json.dumps({**median, **counts}))


def _resources(app: Any) -> int:
    """How many resources the app's templates have."""
    paths = Path(app.outdir).glob("*.template.json")
    return sum(len(json.loads(path.read_text()).get("Resources", {})) for path in paths)


def _their_rules() -> int:
    """How many rules the pack's own source applies."""
    import tarfile

    import cdk_nag

    (archive,) = Path(cdk_nag.__file__).with_name("_jsii").glob("*.tgz")
    with tarfile.open(archive) as file:
        source = file.extractfile("package/lib/packs/aws-solutions.js")
        assert source is not None
        return source.read().decode().count("this.applyRule(")


def memory(count: int) -> None:
    """Peak memory in kB of the command line over an assembly of `count` stacks with the same findings in each."""
    sys.path.insert(0, str(ROOT / "constructs"))
    from greensage.checks.engine import Engine
    from greensage.checks.rules import all_rules
    from greensage.checks.run import as_template, read_template

    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}, "Metadata": {"text": "x" * 2000}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.json")
        path.write_text(json.dumps({"Resources": {f"L{index}": group for index in range(100)}}))
        templates = (as_template(read_template(path, "t"), "t", None, None) for _ in range(count))
        found = sum(1 for _ in Engine(all_rules()).run(templates))
    assert found == 0
    # Not getrusage: what it tells of a child begins with its parent's.
    print(next(row.split()[1] for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")))


if __name__ == "__main__":
    if sys.argv[1] == "times":
        times()
    else:
        memory(int(sys.argv[2]))
