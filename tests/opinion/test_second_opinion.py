"""What others think of our templates: checkov, parliament and asl-validator, on the example fleet and every construct with all
of its options. Each finding is mended, or stands below with the reason why not; one that no longer comes up is an error too.

(cfn-lint and AwsSolutionsChecks read the same templates in tests/synth; AWS's guard rules are not on any package index.)
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from aws_cdk import App, Stack

from tests.conftest import MODELS, ROOT
from tests.opinion.templates import Template
from tests.synth.conftest import build_fleet, synthesize
from tests.synth.test_golden import ENV, GOLDEN

pytestmark = pytest.mark.slow
BIN = ROOT / ".venv-opinion/bin"
ASL = ROOT / "tests/opinion/node_modules/.bin/asl-validator"

CHECKOV = {
    "CKV_AWS_158": "CloudWatch Logs encrypts every group; a KMS key of one's own is the user's choice (LogGroup's key is a prop "
    "of the stack's key where the data are sensitive: captures are in S3, with kms_key_arn).",
    "CKV_AWS_116": "A function behind a custom resource is asked by CloudFormation, which is told of failures; the loop's are asked by "
    "Step Functions, which retries and catches.",
    "CKV_AWS_117": "The functions call AWS's APIs and hold no data of a VPC; in one, each would need endpoints that cost more than all.",
    "CKV_AWS_115": "Reserving concurrency for functions that run a few times a day would take it from the account's others; new accounts "
    "have ten in all.",
    "CKV_AWS_370": "Network isolation is the user's choice (network_isolation: true): it excludes captures by the container and secrets.",
    "CKV_AWS_173": "No secrets in variables of functions: settings, and references to secrets by ARN.",
    "CKV_AWS_18": "Access logs would be kept data that nobody reads; CloudTrail has data events for those who need them.",
    "CKV_AWS_21": "Data that pass through and expire: versions would keep what is to be forgotten. Artifacts are versioned.",
    "CKV_AWS_136": "ECR encrypts with AES-256; a KMS key of one's own is a prop of the repository.",
}
PARLIAMENT = {
    "sagemaker:CreateTransformJob": "The right on the model of a job beside the job's own: one statement each.",
    "sagemaker:UpdateEndpoint": "UpdateEndpoint needs the endpoint and the config: one statement each, and together both.",
    "logs:DescribeLogGroups": "The service authorization reference gives it log groups as its resource.",
    "states:ListExecutions": "The executions of one state machine, which has no map runs.",
    "states:DescribeExecution": "The executions of one state machine of the Standard type.",
    "s3:GetObject": "What a package of the Model Registry names, known when it is deployed: here a word stands for it.",
    "s3:GetObjectAttributes": "Of CDK's grants to readers (GetObject*, List*): those that need an access point match nothing.",
}


@pytest.fixture(scope="module")
def templates(tmp_path_factory) -> Path:
    """The example fleet, and a stack for each construct."""
    folder = tmp_path_factory.mktemp("templates")
    assert synthesize(folder / "fleet", build_fleet(MODELS), nag=False).error == ""
    for name, build in GOLDEN.items():
        app = App(outdir=str(folder / name), analytics_reporting=False)
        build(Stack(app, f"golden-{name.replace('_', '-')}", env=ENV))
        try:
            app.synth()
        except RuntimeError:
            # Invented names, such as subnet-1, are no ids for the CDK's own validation; the template is there all the same.
            assert list((folder / name).glob("*.template.json"))
    return folder


def read(templates: Path) -> list[Template]:
    return [Template(path) for path in sorted(templates.rglob("*.template.json"))]


def test_checkov_finds_nothing_that_has_no_reason(templates):
    command = [str(BIN / "checkov"), "-d", str(templates), "--framework", "cloudformation", "--quiet", "--compact", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    parts = found if isinstance(found, list) else [found]
    rows = [row for part in parts for row in part["results"]["failed_checks"]]
    assert sum(part["summary"]["passed"] for part in parts) > 1_000, "it has read the templates"
    new = [f"{row['check_id']} {row['check_name']}: {row['resource']}" for row in rows if row["check_id"] not in CHECKOV]
    assert not new and set(CHECKOV) == {row["check_id"] for row in rows}


def test_parliament_finds_nothing_that_has_no_reason(templates, tmp_path):
    for template in read(templates):
        for number, (name, policy) in enumerate(template.policies()):
            (tmp_path / f"{template.name}-{name}-{number}.json").write_text(policy)
    assert len(list(tmp_path.iterdir())) > 100
    command = [str(BIN / "parliament"), "--directory", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    found = Counter((row["issue"], str(detail["action"])) for row in rows for detail in _details(row))
    assert {issue for issue, _ in found} == {"RESOURCE_MISMATCH"}, found
    # CDK's own grants to readers say s3:List*, of which only listing the bucket matches it.
    assert {action for _, action in found if not action.startswith("s3:List")} <= set(PARLIAMENT), found


def _details(row: dict) -> list[dict]:
    return row["detail"] if isinstance(row["detail"], list) else [{"action": str(row["detail"])}]


def test_every_state_machine_is_valid_amazon_states_language(templates, tmp_path):
    names = []
    for template in read(templates):
        for name, definition in template.machines():
            names.append(tmp_path / f"{template.name}-{name}.json")
            names[-1].write_text(definition)
    assert len(names) > 12
    command = ["node", str(ASL), *(word for path in names for word in ("--json-path", str(path)))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("is valid") == len(names), done.stdout + done.stderr
