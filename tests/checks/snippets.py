"""Runs the CDK snippets of the rules' pages for real: Python here, TypeScript (which is JavaScript too) under Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import aws_cdk
from aws_cdk import Stack

MODULES = {
    "applicationautoscaling": "aws_applicationautoscaling", "autoscaling": "aws_autoscaling", "backup": "aws_backup",
    "cloudwatch": "aws_cloudwatch", "codebuild": "aws_codebuild", "dynamodb": "aws_dynamodb", "ec2": "aws_ec2", "ecr": "aws_ecr",
    "ecs": "aws_ecs", "elasticache": "aws_elasticache", "emrserverless": "aws_emrserverless", "events": "aws_events",
    "greengrassv2": "aws_greengrassv2", "iam": "aws_iam", "lambda_": "aws_lambda", "logs": "aws_logs",
    "opensearchservice": "aws_opensearchservice", "rds": "aws_rds", "s3": "aws_s3", "sagemaker": "aws_sagemaker",
    "sfn": "aws_stepfunctions", "targets": "aws_events_targets", "tasks": "aws_stepfunctions_tasks",
}  # fmt: skip
PLAIN = ("Duration", "Environment", "Fn", "Size", "Stack", "Stage", "Tags")


def run_python(snippet: str) -> list[dict[str, Any]]:
    """Return the templates of the app that `snippet` was run in; names that pages take for granted are there."""
    import importlib

    app = aws_cdk.App()
    stack = Stack(app, "Snippet")
    names: dict[str, Any] = {name: getattr(aws_cdk, name) for name in PLAIN}
    names |= {short: importlib.import_module(f"aws_cdk.{module}") for short, module in MODULES.items()}
    names |= {"self": stack, **_given(stack, names, snippet)}
    exec(compile(snippet, "snippet.py", "exec"), names)
    return _templates(app.synth().directory)


def _given(stack: Stack, m: dict[str, Any], snippet: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if "role" in snippet:
        given["role"] = m["iam"].Role(stack, "Role", assumed_by=m["iam"].ServicePrincipal("sagemaker.amazonaws.com"))
    if "fn" in snippet:
        given["fn"] = m["lambda_"].Function.from_function_arn(stack, "Fn", "arn:aws:lambda:eu-north-1:111122223333:function:f")
    if "fn.current_version" in snippet:
        given["fn"] = m["lambda_"].Function(
            stack, "Own", runtime=m["lambda_"].Runtime.PYTHON_3_13, handler="i.h", code=m["lambda_"].Code.from_inline("x"))  # fmt: skip
    if "config." in snippet:
        given["config"] = m["sagemaker"].CfnEndpointConfig(stack, "GivenConfig", production_variants=[
            m["sagemaker"].CfnEndpointConfig.ProductionVariantProperty(
                variant_name="a", model_name="m", instance_type="ml.m6g.large", initial_instance_count=1, initial_variant_weight=1)])  # fmt: skip
    if "group.ref" in snippet:
        given["group"] = m["autoscaling"].CfnAutoScalingGroup(stack, "Group", min_size="1", max_size="3")
    if "channel" in snippet:
        bucket = m["s3"].Bucket.from_bucket_name(stack, "Given", "given")
        given["channel"] = m["tasks"].Channel(channel_name="train", data_source=m["tasks"].DataSource(
            s3_data_source=m["tasks"].S3DataSource(s3_location=m["tasks"].S3Location.from_bucket(bucket, "train"))))  # fmt: skip
        given["output"] = m["tasks"].OutputDataConfig(s3_output_location=m["tasks"].S3Location.from_bucket(bucket, "out"))
    if "train)" in snippet and "channel" not in snippet:
        given["train"] = m["sfn"].CustomState(stack, "Train", state_json={
            "Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "Parameters": {}})  # fmt: skip
    return given


# The same names for JavaScript, by the same rules.
_HARNESS = """
const fs = require('fs'), path = require('path'), cdk = require('aws-cdk-lib');
const modules = JSON.parse(process.argv[2]), snippets = JSON.parse(fs.readFileSync(process.argv[3])), out = process.argv[4];
const M = Object.fromEntries(Object.entries(modules).map(([short, name]) => [short, require('aws-cdk-lib/' + name)]));
const { %s } = cdk;
function given(stack, text) {
  const g = {};
  if (text.includes('role')) g.role = new M.iam.Role(stack, 'Role', { assumedBy: new M.iam.ServicePrincipal('sagemaker.amazonaws.com') });
  if (text.includes('fn')) g.fn = M.lambda.Function.fromFunctionArn(stack, 'Fn', 'arn:aws:lambda:eu-north-1:111122223333:function:f');
  if (text.includes('fn.currentVersion')) g.fn = new M.lambda.Function(stack, 'Own', { runtime: M.lambda.Runtime.PYTHON_3_13, handler: 'i.h', code: M.lambda.Code.fromInline('x') });
  if (text.includes('config.')) g.config = new M.sagemaker.CfnEndpointConfig(stack, 'GivenConfig', { productionVariants: [{ variantName: 'a', modelName: 'm', instanceType: 'ml.m6g.large', initialInstanceCount: 1, initialVariantWeight: 1 }] });
  if (text.includes('group.ref')) g.group = new M.autoscaling.CfnAutoScalingGroup(stack, 'Group', { minSize: '1', maxSize: '3' });
  if (text.includes('channel')) {
    const bucket = M.s3.Bucket.fromBucketName(stack, 'Given', 'given');
    g.channel = { channelName: 'train', dataSource: { s3DataSource: { s3Location: M.tasks.S3Location.fromBucket(bucket, 'train') } } };
    g.output = { s3OutputLocation: M.tasks.S3Location.fromBucket(bucket, 'out') };
  }
  if (text.includes('train)') && !text.includes('channel')) g.train = new M.sfn.CustomState(stack, 'Train', { stateJson: { Type: 'Task', Resource: 'arn:aws:states:::sagemaker:createTrainingJob.sync', Parameters: {} } });
  return g;
}
for (const [name, text] of Object.entries(snippets)) {
  const app = new cdk.App({ outdir: path.join(out, name) });
  const stack = new Stack(app, 'Snippet');
  const names = { ...M, %s, ...given(stack, text) };
  try { new Function(...Object.keys(names), text).apply(stack, Object.values(names)); app.synth(); }
  catch (error) { fs.writeFileSync(path.join(out, name + '.error'), String(error)); }
}
"""


def run_typescript(snippets: dict[str, str], folder: Path, node_path: Path) -> dict[str, list[dict[str, Any]] | str]:
    """Return templates, or the error, of each snippet: one Node process for all of them."""
    names = ", ".join(PLAIN if "Environment" not in PLAIN else [name for name in PLAIN if name != "Environment"])
    (folder / "harness.js").write_text(_HARNESS % (names, names))
    (folder / "snippets.json").write_text(json.dumps(snippets))
    modules = {short.rstrip("_"): module.replace("_", "-") for short, module in MODULES.items()}
    out = folder / "out"
    out.mkdir()
    subprocess.run(
        ["node", "harness.js", json.dumps(modules), "snippets.json", str(out)], cwd=folder, check=True, capture_output=True,
        env={"NODE_PATH": str(node_path), "PATH": _path(), "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"},
    )  # fmt: skip
    results: dict[str, list[dict[str, Any]] | str] = {}
    for name in snippets:
        error = out / f"{name}.error"
        results[name] = error.read_text() if error.exists() else _templates(str(out / name))
    return results


def _templates(folder: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(Path(folder).rglob("*.template.json"))]


def _path() -> str:
    import os

    return os.environ["PATH"]
