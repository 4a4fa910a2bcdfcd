"""The same resources as a synthesized greensage app, written by hand with L1s: what our synthesis is measured against."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

from aws_cdk import App, CfnResource, Environment, Stack
from aws_cdk import aws_s3_assets as assets

ROOT = Path(__file__).resolve().parents[1]
ASSEMBLY = Path(os.environ["GREENSAGE_BENCH_ASSEMBLY"])
SUFFIX = ".template.json"
MODULES = {
    "ApplicationAutoScaling": "applicationautoscaling", "CloudWatch": "cloudwatch", "CodeBuild": "codebuild", "ECR": "ecr",
    "Events": "events", "GreengrassV2": "greengrassv2", "IAM": "iam", "Lambda": "lambda", "Logs": "logs", "S3": "s3",
    "SageMaker": "sagemaker", "SNS": "sns", "SSM": "ssm", "StepFunctions": "stepfunctions",
}  # fmt: skip


def main() -> None:
    app = App()
    templates = {path.name.removesuffix(SUFFIX): json.loads(path.read_text()) for path in sorted(ASSEMBLY.glob(f"*{SUFFIX}"))}
    import_modules({row["Type"] for template in templates.values() for row in template["Resources"].values()})
    for name, template in templates.items():
        build(Stack(app, name, env=Environment(account="111111111111", region="eu-north-1")), template["Resources"])
    app.synth()


def import_modules(types: set[str]) -> None:
    """A hand-written app imports the modules of the L1s it uses; so does this one, though it makes them from a template."""
    for service in sorted({kind.split("::")[1] for kind in types if kind.startswith("AWS::")} & MODULES.keys()):
        importlib.import_module(f"aws_cdk.aws_{MODULES[service]}")


def build(stack: Stack, resources: dict) -> None:
    copies = sum(1 for row in resources.values() if row["Type"] == "Custom::GreensageArtifact")
    archives = sorted((ROOT / "models/artifacts").glob("*.tar.gz"))
    for archive in archives[:copies]:
        assets.Asset(stack, f"Artifact-{archive.name}", path=str(archive))
    assets.Asset(stack, "Code", path=str(ROOT / "lambda"), exclude=["**/__pycache__", "*.pyc"])
    if any(row["Type"].startswith(("AWS::CodeBuild", "AWS::Greengrass")) for row in resources.values()):
        assets.Asset(stack, "Serving", path=str(ROOT / "serving"), exclude=["**/__pycache__", "*.pyc"])
    for name, row in resources.items():
        if row["Type"] != "AWS::CDK::Metadata":
            CfnResource(stack, f"R{name}", type=row["Type"], properties=_without_references(row.get("Properties", {})))


def _without_references(value):
    """Ids change under new construct ids, so references are written as texts; the amount of work is the same."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::Join"):
            return json.dumps(value)
        return {key: _without_references(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_references(item) for item in value]
    return value


if __name__ == "__main__":
    main()
