"""An account without history: what preflight says, what AWS would refuse, and that its commands are enough."""

from __future__ import annotations

import json
import re
import shlex

import boto3
import pytest

from greensage.cli import main
from greensage.local.cloud import ACCOUNT, LocalCloud
from tests.cloud.conftest import REGION, Cdk, environment_of, session_of
from tests.cloud.lookup import copy_models

pytestmark = pytest.mark.cloud
READS = re.compile(r"^(Get|List|Describe|Head|BatchGet)")


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """A local cloud with the quotas of a new account, authorization on, and the app with two models."""
    cloud = LocalCloud(tmp_path_factory.mktemp("new"))
    cloud.up(auth=True, quotas="new-account")
    folder = tmp_path_factory.mktemp("first")
    try:
        yield cloud, Cdk(copy_models(folder, ("churn", "digits")), environment_of(cloud), folder / "cdk.out")
    finally:
        cloud.down()


@pytest.fixture
def calls(account, monkeypatch):
    """Every call that a session makes, while the command looks at the account."""
    for name, value in account[0].environment(REGION).items():
        monkeypatch.setenv(name, value)
    seen: list[str] = []
    made = boto3.Session

    def recording(*arguments, **options):
        session = made(*arguments, **options)
        session.events.register("before-call.*.*", lambda model, **rest: seen.append(model.name))
        return session

    monkeypatch.setattr(boto3, "Session", recording)
    return seen


def preflight(cdk: Cdk, capsys, *more: str) -> tuple[int, dict]:
    code = main(["preflight", str(cdk.models), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def states(found: dict) -> dict[str, str]:
    return {check["what"]: check["state"] for check in found["checks"]}


def test_a_new_account_is_told_what_to_ask_for_and_nothing_is_changed(account, calls, capsys):
    code, found = preflight(account[1], capsys)
    assert code == 1 and found["account"] == ACCOUNT
    seen = states(found)
    assert seen["CDK bootstrap"] == "stops" and seen["ml.c8g.medium for endpoint usage"] == "stops"
    assert seen["serving images"] == "later" and seen["stack churn"] == "ok"
    (row,) = [check for check in found["checks"] if check["what"] == "ml.c8g.medium for endpoint usage"]
    assert row["found"].startswith("0; needed: 1") and row["models"] == ["churn"]
    assert "--desired-value 4 " in row["do"], "two instances at the peak, and both fleets while an update runs"
    assert calls and not [name for name in calls if not READS.match(name)], "nothing but reads"


def test_without_the_quota_the_deployment_fails_as_on_aws_and_leaves_nothing_half_made(account):
    cloud, cdk = account
    cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
    failed = cdk.deploy(check=False)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert "The account-level service limit 'ml.c8g.medium for endpoint usage' is 0 Instances" in said
    stacks = session_of(cloud).client("cloudformation")
    assert stacks.describe_stacks(StackName="churn")["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
    assert session_of(cloud).client("sagemaker").list_endpoints(NameContains="churn")["Endpoints"] == []


def test_a_creation_that_failed_is_begun_anew_by_the_cdk(account, calls, capsys):
    code, found = preflight(account[1], capsys)
    (row,) = [check for check in found["checks"] if check["what"] == "stack churn"]
    assert code == 1 and row["state"] == "later" and "ROLLBACK_COMPLETE" in row["found"]


def test_after_the_commands_of_preflight_the_deployment_works_the_first_time(account, calls, capsys):
    cloud, cdk = account
    _, found = preflight(cdk, capsys)
    client = session_of(cloud).client("service-quotas")
    for check in found["checks"]:
        if check["do"].startswith("aws service-quotas"):
            words = shlex.split(check["do"])
            asked = dict(zip(words[3::2], words[4::2], strict=True))
            client.request_service_quota_increase(
                ServiceCode=asked["--service-code"], QuotaCode=asked["--quota-code"], DesiredValue=float(asked["--desired-value"])
            )
    code, found = preflight(cdk, capsys)
    assert code == 0, [check for check in found["checks"] if check["state"] in ("stops", "unknown")]
    deployed = cdk.deploy()
    assert "greensage preflight" in deployed.stdout + deployed.stderr, "whoever deploys is told of the command"
    code, found = preflight(cdk, capsys)
    assert code == 0 and states(found)["serving images"] == "ok"


def test_what_a_file_names_and_nobody_made_stops(account, calls, capsys):
    cdk = account[1]
    folder = cdk.models.parent / "named"
    folder.mkdir()
    models = copy_models(folder, ("digits",))
    arn = f"arn:aws:{{}}:{REGION}:{ACCOUNT}:"
    (models / "digits.yaml").write_text(
        (models / "digits.yaml").read_text().replace("artifacts/digits.tar.gz", "s3://nobody-has-this/digits.tar.gz")
        + f"kms_key_arn: {arn.format('kms')}key/12345678-1234-1234-1234-123456789012\nnotify: {arn.format('sns')}nobody\n"
        f"execution_role_arn: arn:aws:iam::{ACCOUNT}:role/nobody\n"
    )
    assert main(["preflight", str(models), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    wrong = {check["what"].split(" arn:")[0].split(" s3:")[0] for check in found["checks"] if check["state"] == "stops"}
    assert {"KMS key", "topic", "role", "archive"} <= wrong
    assert main(["preflight", str(models)]) == 1
    shown = capsys.readouterr().out
    assert "aws s3 cp model.tar.gz s3://nobody-has-this/digits.tar.gz" in shown and "would stop the deployment" in shown


def test_nobody_signed_in_is_told_so(account, monkeypatch, capsys):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    assert main(["preflight", str(account[1].models)]) == 2
    assert "Sign in" in capsys.readouterr().err


def test_a_base_image_that_nobody_has_fails_the_build_and_says_where_its_log_is(account, monkeypatch, capsys):
    cloud, cdk = account
    for name, value in cloud.environment(REGION).items():
        monkeypatch.setenv(name, value)
    stack = f"greensage-platform-{REGION}"
    failed = cdk("deploy", stack, "--require-approval", "never", "-c", "serving-base=docker.io/library/python:3.13", check=False)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0 and re.search(
        r"the build \S+ ended FAILED in BUILD: COMMAND_EXECUTION_ERROR.*aws logs tail \S+", said, re.S
    )
    # The stack was rolled back to the images that it had, and the log of the build is still there.
    assert main(["logs", stack]) == 0
    assert "failed to resolve source metadata for docker.io/library/python:3.13" in capsys.readouterr().out


def test_logs_of_what_was_never_deployed_say_how_to_keep_them(account, monkeypatch, capsys):
    for name, value in account[0].environment(REGION).items():
        monkeypatch.setenv(name, value)
    assert main(["logs", "nothing"]) == 2
    assert "--no-rollback" in capsys.readouterr().err
