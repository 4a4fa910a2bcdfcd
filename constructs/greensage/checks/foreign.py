"""Files of other tools, by what they are called or begin with: they are not checked, and that is said with what to do."""

from __future__ import annotations

from pathlib import Path

_SERVERLESS = "Serverless Framework: run `serverless package`, and check .serverless/cloudformation-template-update-stack.json"
_TERRAFORM = "Terraform, which is not checked yet: only CloudFormation templates and CDK apps are"
_PLAN = "a plan of Terraform, which is not checked yet: only CloudFormation templates and CDK apps are"
_PULUMI = "Pulumi, which is not checked: it makes no CloudFormation template"
_KUBERNETES = "Kubernetes, which is not checked: only CloudFormation templates and CDK apps are"
_CDK = "a CDK app that is not synthesized: run `npx cdk synth`, and check cdk.out"
_NAMES = {
    "serverless.yml": _SERVERLESS, "serverless.yaml": _SERVERLESS, "serverless.json": _SERVERLESS, "Pulumi.yaml": _PULUMI,
    "Pulumi.yml": _PULUMI, "Chart.yaml": _KUBERNETES, "kustomization.yaml": _KUBERNETES, "cdk.json": _CDK,
}  # fmt: skip
SUFFIXES = (".tf", ".tf.json", ".tofu")


def foreign(path: Path, head: bytes) -> str | None:
    """Return which tool a file is of, and what to do; None for none that is known. `head` are its first bytes."""
    if path.name in _NAMES:
        return _NAMES[path.name]
    if path.name.endswith(SUFFIXES):
        return _TERRAFORM
    if b'"format_version"' in head and (b'"planned_values"' in head or b'"resource_changes"' in head):
        return _PLAN
    starts = [line.split(b":")[0] for line in head.splitlines()]
    if path.suffix in (".yaml", ".yml") and b"apiVersion" in starts and b"kind" in starts:
        return _KUBERNETES
    return None
