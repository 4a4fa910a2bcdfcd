"""What is read of services that the local cloud does not have, against botocore's own models of their answers."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from greensage.checks.account import check_account
from greensage.checks.account.readers import READERS, Reading
from greensage.checks.config import Config
from greensage.checks.rules import all_rules
from greensage.errors import CheckError

REGION = "eu-north-1"


class Session:
    """Hands out one stubbed client."""

    def __init__(self, service: str, *answers: tuple[str, dict]) -> None:
        self._client = boto3.client(service, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
        self._stub = Stubber(self._client)
        for operation, answer in answers:
            self._stub.add_response(operation, answer)
        self._stub.activate()

    def client(self, service: str, **_):
        return self._client


def read(name: str, service: str, *answers: tuple[str, dict], found: dict | None = None) -> list:
    return list(READERS[name](Reading(Session(service, *answers), REGION, found or {})))


ARN = "arn:aws:sagemaker:eu-north-1:111122223333:x/y"
WHEN = 0


def test_notebooks_that_run():
    rows = read(
        "notebook", "sagemaker",
        ("list_notebook_instances", {"NotebookInstances": [
            {"NotebookInstanceName": "a", "NotebookInstanceArn": ARN, "NotebookInstanceStatus": "InService"},
            {"NotebookInstanceName": "b", "NotebookInstanceArn": ARN, "NotebookInstanceStatus": "Stopped"},
        ]}),
        ("describe_notebook_instance", {"InstanceType": "ml.t3.medium", "VolumeSizeInGB": 5}),
    )  # fmt: skip
    assert rows == [
        (
            "AWS::SageMaker::NotebookInstance",
            "a",
            {"InstanceType": "ml.t3.medium", "VolumeSizeInGB": 5, "LifecycleConfigName": None},
        )
    ]


def test_pipelines_with_their_definition():
    rows = read(
        "pipeline", "sagemaker",
        ("list_pipelines", {"PipelineSummaries": [{"PipelineName": "p", "PipelineArn": ARN}]}),
        ("describe_pipeline", {"PipelineDefinition": '{"Steps": []}'}),
    )  # fmt: skip
    assert rows[0][2] == {"PipelineDefinition": {"PipelineDefinitionBody": '{"Steps": []}'}}


def test_schedules_refer_to_the_machines_that_were_read():
    machine = "arn:aws:states:eu-north-1:111122223333:stateMachine:train"
    rows = read(
        "rule", "events",
        ("list_rules", {"Rules": [{"Name": "nightly", "ScheduleExpression": "rate(1 day)", "State": "ENABLED"}, {"Name": "on-events"}]}),
        ("list_targets_by_rule", {"Targets": [{"Id": "t", "Arn": machine}]}),
        found={f"state machine/{machine}": {}},
    )  # fmt: skip
    assert rows == [("AWS::Events::Rule", "nightly", {"ScheduleExpression": "rate(1 day)", "State": "ENABLED",
                                                       "Targets": [{"Arn": {"Ref": f"state machine/{machine}"}}]})]  # fmt: skip


def test_lifecycle_rules_as_cloudformation_writes_them():
    rows = read(
        "bucket", "s3",
        ("list_buckets", {"Buckets": [{"Name": "b", "CreationDate": WHEN}]}),
        ("get_bucket_location", {"LocationConstraint": REGION}),
        ("get_bucket_lifecycle_configuration", {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": "c/"}, "Expiration": {"Days": 3}}]}),
        ("get_bucket_website", {"IndexDocument": {"Suffix": "i"}}),
        ("get_bucket_versioning", {"Status": "Enabled"}),
    )  # fmt: skip
    assert rows[0][2]["LifecycleConfiguration"] == {"Rules": [{"Status": "Enabled", "ExpirationInDays": 3, "Prefix": "c/"}]}


def test_monitors_and_databases_and_tables():
    config = {"MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality"}
    assert read(
        "monitor", "sagemaker",
        ("list_monitoring_schedules", {"MonitoringScheduleSummaries": [{
            "MonitoringScheduleName": "m", "MonitoringScheduleArn": ARN, "CreationTime": WHEN, "LastModifiedTime": WHEN, "MonitoringScheduleStatus": "Scheduled"}]}),
        ("describe_monitoring_schedule", {"MonitoringScheduleArn": ARN, "MonitoringScheduleName": "m", "MonitoringScheduleStatus": "Scheduled",
                                          "CreationTime": WHEN, "LastModifiedTime": WHEN, "MonitoringScheduleConfig": config}),
    )[0][2] == {"MonitoringScheduleConfig": config}  # fmt: skip
    assert read(
        "database",
        "rds",
        (
            "describe_db_instances",
            {"DBInstances": [{"DBInstanceIdentifier": "d", "Engine": "postgres", "DBInstanceClass": "db.r5.large"}]},
        ),
    )[0][2] == {"DBInstanceClass": "db.r5.large", "Engine": "postgres"}


def test_no_region_and_no_credentials_are_said():
    class Bare:
        region_name = None

        def get_credentials(self):
            return None

    with pytest.raises(CheckError, match="which Region"):
        check_account(all_rules(), Config(), None, session=Bare())
    with pytest.raises(CheckError, match="no AWS credentials"):
        check_account(all_rules(), Config(), REGION, session=Bare())
