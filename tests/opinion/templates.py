"""State machines and policies out of synthesized templates, with what is known only when deployed written as an example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ACCOUNT, REGION = "111111111111", "eu-north-1"
_PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::URLSuffix": "amazonaws.com"}
_ARNS = {
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{id}", "AWS::S3::Bucket": "arn:aws:s3:::{id}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{id}:*",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{id}",
    "AWS::CodeBuild::Project": "arn:aws:codebuild:{region}:{account}:project/{id}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{id}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{id}", "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{id}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/12345678-1234-1234-1234-123456789012",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{id}",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::SageMaker::Model": "arn:aws:sagemaker:{region}:{account}:model/{id}",
    "AWS::SageMaker::Endpoint": "arn:aws:sagemaker:{region}:{account}:endpoint/{id}",
    "AWS::SageMaker::EndpointConfig": "arn:aws:sagemaker:{region}:{account}:endpoint-config/{id}",
    "AWS::SageMaker::ModelPackageGroup": "arn:aws:sagemaker:{region}:{account}:model-package-group/{id}",
    "AWS::SageMaker::Pipeline": "arn:aws:sagemaker:{region}:{account}:pipeline/{id}",
}  # fmt: skip
# Of these, Ref is an ARN too.
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::SageMaker::Model", "AWS::SageMaker::Endpoint",
               "AWS::SageMaker::EndpointConfig")  # fmt: skip


class Template:
    """One template, with its resources resolved as an example."""

    def __init__(self, path: Path) -> None:
        self.name = path.name.removesuffix(".template.json")
        self.content: dict[str, Any] = json.loads(path.read_text())
        self.resources: dict[str, Any] = self.content.get("Resources", {})

    def machines(self) -> Iterator[tuple[str, str]]:
        """Yield logical ids and definitions."""
        for name, row in self.resources.items():
            if row["Type"] == "AWS::StepFunctions::StateMachine":
                yield name, str(self.resolved(row["Properties"]["DefinitionString"]))

    def policies(self) -> Iterator[tuple[str, str]]:
        """Yield what they belong to, and policy documents, of roles and of resources."""
        for name, row in self.resources.items():
            props = row.get("Properties", {})
            if row["Type"] == "AWS::IAM::Policy":
                yield name, json.dumps(self.resolved(props["PolicyDocument"]))
            for inline in props.get("Policies", []) if row["Type"] == "AWS::IAM::Role" else []:
                yield name, json.dumps(self.resolved(inline["PolicyDocument"]))

    def resolved(self, value: Any) -> Any:
        """Return a value with its functions carried out."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, inner), *_ = value.items()
            if key == "Ref":
                return self._ref(inner)
            if key == "Fn::GetAtt":
                return self._attribute(*(inner.split(".") if isinstance(inner, str) else inner))
            if key == "Fn::Join":
                return inner[0].join(str(self.resolved(item)) for item in inner[1])
            if key == "Fn::Split":
                return str(self.resolved(inner[1])).split(inner[0])
            if key == "Fn::Select":
                parts = self.resolved(inner[1])
                return parts[min(int(inner[0]), len(parts) - 1)]
            if key == "Fn::Sub":
                text = inner if isinstance(inner, str) else inner[0]
                return re.sub(r"\$\{([^}]+)\}", lambda match: str(self._ref(match[1])), text)
        return {key: self.resolved(inner) for key, inner in value.items()}

    def _ref(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        kind = self.resources.get(name, {}).get("Type", "")
        return self._attribute(name, "Arn") if kind in _REF_IS_ARN else name.lower()[:60]

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self.resources.get(name, {}).get("Type", "")
        if attribute.endswith("Arn") and kind in _ARNS:
            return _ARNS[kind].format(account=ACCOUNT, region=REGION, id=name.lower()[:60])
        if kind == "Custom::GreensageModelPackage":
            return f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/packaged"
        return f"{name}{attribute}".lower()[:60]
