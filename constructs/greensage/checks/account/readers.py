"""What is read of each service, as CloudFormation writes it: the type, a name, and the properties that rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Row = tuple[str, str, dict[str, Any]]


@dataclass
class Reading:
    """One reading of a Region; `found` is what was read before, for what refers to it."""

    session: Any
    region: str
    found: dict[str, Any]

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Yield the items of all pages of a List or Describe call."""
        client = self.client(service)
        if client.can_paginate(operation):
            for page in client.get_paginator(operation).paginate(**arguments):
                yield from page.get(key, [])
        else:
            yield from getattr(client, operation)(**arguments).get(key, [])

    def client(self, service: str) -> Any:
        """Return a client for `service`."""
        return self.session.client(service, region_name=self.region)


def _only(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: row[key] for key in keys if key in row}


def _endpoints(reading: Reading) -> Iterator[Row]:
    client = reading.client("sagemaker")
    for item in reading.pages("sagemaker", "list_endpoints", "Endpoints"):
        row = client.describe_endpoint(EndpointName=item["EndpointName"])
        tags = list(reading.pages("sagemaker", "list_tags", "Tags", ResourceArn=item["EndpointArn"]))
        yield "AWS::SageMaker::Endpoint", item["EndpointName"], {**_only(row, "EndpointName", "EndpointConfigName"), "Tags": tags}


def _configs(reading: Reading) -> Iterator[Row]:
    client = reading.client("sagemaker")
    # Only what an endpoint uses: other configurations and models run nothing.
    used = {item["Properties"].get("EndpointConfigName") for item in reading.found.values()}
    for name in sorted(str(item) for item in used if item):
        row = client.describe_endpoint_config(EndpointConfigName=name)
        keys = (
            "EndpointConfigName",
            "ProductionVariants",
            "ShadowProductionVariants",
            "AsyncInferenceConfig",
            "DataCaptureConfig",
        )
        yield "AWS::SageMaker::EndpointConfig", name, _only(row, *keys)


def _models(reading: Reading) -> Iterator[Row]:
    client = reading.client("sagemaker")
    variants = [row for item in reading.found.values() for row in item["Properties"].get("ProductionVariants", [])]
    for name in sorted({row["ModelName"] for row in variants if row.get("ModelName")}):
        row = client.describe_model(ModelName=name)
        yield "AWS::SageMaker::Model", name, _only(row, "ModelName", "PrimaryContainer", "Containers")


def _notebooks(reading: Reading) -> Iterator[Row]:
    client = reading.client("sagemaker")
    for item in reading.pages("sagemaker", "list_notebook_instances", "NotebookInstances"):
        if item.get("NotebookInstanceStatus") == "Stopped":
            continue
        row = client.describe_notebook_instance(NotebookInstanceName=item["NotebookInstanceName"])
        properties = _only(row, "InstanceType", "VolumeSizeInGB", "AcceleratorTypes")
        properties["LifecycleConfigName"] = row.get("NotebookInstanceLifecycleConfigName")
        yield "AWS::SageMaker::NotebookInstance", item["NotebookInstanceName"], properties


def _monitors(reading: Reading) -> Iterator[Row]:
    client = reading.client("sagemaker")
    for item in reading.pages("sagemaker", "list_monitoring_schedules", "MonitoringScheduleSummaries"):
        row = client.describe_monitoring_schedule(MonitoringScheduleName=item["MonitoringScheduleName"])
        yield "AWS::SageMaker::MonitoringSchedule", item["MonitoringScheduleName"], _only(row, "MonitoringScheduleConfig")


def _pipelines(reading: Reading) -> Iterator[Row]:
    client = reading.client("sagemaker")
    for item in reading.pages("sagemaker", "list_pipelines", "PipelineSummaries"):
        row = client.describe_pipeline(PipelineName=item["PipelineName"])
        body = {"PipelineDefinitionBody": row["PipelineDefinition"]}
        yield "AWS::SageMaker::Pipeline", item["PipelineName"], {"PipelineDefinition": body}


def _packages(reading: Reading) -> Iterator[Row]:
    for item in reading.pages("sagemaker", "list_model_package_groups", "ModelPackageGroupSummaryList"):
        yield "AWS::SageMaker::ModelPackageGroup", item["ModelPackageGroupName"], _only(item, "ModelPackageGroupName")


_NAMESPACES = ("sagemaker", "ecs", "dynamodb", "lambda")


def _scaling(reading: Reading) -> Iterator[Row]:
    for namespace in _NAMESPACES:
        actions = list(
            reading.pages("application-autoscaling", "describe_scheduled_actions", "ScheduledActions", ServiceNamespace=namespace)
        )
        for item in reading.pages(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace=namespace
        ):
            row = _only(item, "ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity")
            own = [action for action in actions if action["ResourceId"] == item["ResourceId"]]
            # Rules ask whether there is a schedule: an empty list would count as one.
            row["ScheduledActions"] = [_only(action, "ScheduledActionName", "Schedule") for action in own] or None
            yield "AWS::ApplicationAutoScaling::ScalableTarget", f"{item['ResourceId']}/{item['ScalableDimension']}", row
        for item in reading.pages(
            "application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace=namespace
        ):
            row = _only(item, "PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension", "PolicyType")
            yield "AWS::ApplicationAutoScaling::ScalingPolicy", f"{item['ResourceId']}/{item['PolicyName']}", row


def _logs(reading: Reading) -> Iterator[Row]:
    for item in reading.pages("logs", "describe_log_groups", "logGroups"):
        properties = {"LogGroupName": item["logGroupName"], "RetentionInDays": item.get("retentionInDays")}
        yield "AWS::Logs::LogGroup", item["logGroupName"], properties


def _images(reading: Reading) -> Iterator[Row]:
    client = reading.client("ecr")
    for item in reading.pages("ecr", "describe_repositories", "repositories"):
        text = _or_none(client, "get_lifecycle_policy", "LifecyclePolicyNotFoundException", repositoryName=item["repositoryName"])
        policy = {"LifecyclePolicyText": text["lifecyclePolicyText"]} if text else None
        yield "AWS::ECR::Repository", item["repositoryName"], {"LifecyclePolicy": policy}


def _buckets(reading: Reading) -> Iterator[Row]:
    client = reading.client("s3")
    for item in client.list_buckets().get("Buckets", []):
        name = item["Name"]
        # S3 lists the buckets of every Region, and names no location for those in us-east-1.
        if (client.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1") != reading.region:
            continue
        lifecycle = _or_none(client, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", Bucket=name)
        website = _or_none(client, "get_bucket_website", "NoSuchWebsiteConfiguration", Bucket=name)
        yield "AWS::S3::Bucket", name, {
            "VersioningConfiguration": _only(client.get_bucket_versioning(Bucket=name), "Status") or None,
            "LifecycleConfiguration": {"Rules": [_rule(row) for row in lifecycle["Rules"]]} if lifecycle else None,
            "WebsiteConfiguration": _only(website, "IndexDocument") if website else None,
        }  # fmt: skip


def _rule(row: dict[str, Any]) -> dict[str, Any]:
    """A lifecycle rule as CloudFormation writes it."""
    rule = _only(row, "Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    if "Days" in row.get("Expiration", {}):
        rule["ExpirationInDays"] = row["Expiration"]["Days"]
    return {**rule, "Prefix": row.get("Prefix") or row.get("Filter", {}).get("Prefix", "")}


def _functions(reading: Reading) -> Iterator[Row]:
    for item in reading.pages("lambda", "list_functions", "Functions"):
        properties = _only(item, "FunctionName", "Runtime", "MemorySize", "Architectures", "PackageType", "LoggingConfig")
        yield "AWS::Lambda::Function", item["FunctionName"], properties


def _machines(reading: Reading) -> Iterator[Row]:
    client = reading.client("stepfunctions")
    for item in reading.pages("stepfunctions", "list_state_machines", "stateMachines"):
        row = client.describe_state_machine(stateMachineArn=item["stateMachineArn"])
        yield "AWS::StepFunctions::StateMachine", item["stateMachineArn"], {"DefinitionString": row["definition"]}


def _rules(reading: Reading) -> Iterator[Row]:
    machines = {name.split("/", 1)[1]: name for name in reading.found if name.startswith("state machine/")}
    for item in reading.pages("events", "list_rules", "Rules"):
        if "ScheduleExpression" not in item:
            continue
        # References, by which rules find what a schedule starts, as they do in a template.
        targets = [
            {"Arn": {"Ref": machines[row["Arn"]]} if row["Arn"] in machines else row["Arn"]}
            for row in reading.pages("events", "list_targets_by_rule", "Targets", Rule=item["Name"])
        ]
        yield "AWS::Events::Rule", item["Name"], {**_only(item, "ScheduleExpression", "State"), "Targets": targets}


def _alarms(reading: Reading) -> Iterator[Row]:
    for item in reading.pages("cloudwatch", "describe_alarms", "MetricAlarms"):
        yield "AWS::CloudWatch::Alarm", item["AlarmName"], _only(item, "MetricName", "Namespace", "Metrics", "Dimensions")
    for item in reading.pages("cloudwatch", "list_dashboards", "DashboardEntries"):
        yield "AWS::CloudWatch::Dashboard", item["DashboardName"], {}


def _machines_of_ec2(reading: Reading) -> Iterator[Row]:
    for item in reading.pages("ec2", "describe_instances", "Reservations"):
        for row in item["Instances"]:
            if row.get("State", {}).get("Name") == "running":
                yield "AWS::EC2::Instance", row["InstanceId"], _only(row, "InstanceType", "ImageId")
    for row in reading.pages("ec2", "describe_volumes", "Volumes"):
        yield "AWS::EC2::Volume", row["VolumeId"], _only(row, "Size", "VolumeType")


def _databases(reading: Reading) -> Iterator[Row]:
    for row in reading.pages("rds", "describe_db_instances", "DBInstances"):
        yield "AWS::RDS::DBInstance", row["DBInstanceIdentifier"], _only(row, "DBInstanceClass", "Engine", "MultiAZ")


def _tables(reading: Reading) -> Iterator[Row]:
    client = reading.client("dynamodb")
    for name in reading.pages("dynamodb", "list_tables", "TableNames"):
        row = client.describe_table(TableName=name)["Table"]
        # DynamoDB leaves the summary out of tables that have always been provisioned.
        mode = row.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
        units = _only(row.get("ProvisionedThroughput", {}), "ReadCapacityUnits", "WriteCapacityUnits")
        yield "AWS::DynamoDB::Table", name, {"TableName": name, "BillingMode": mode, "ProvisionedThroughput": units}


def _or_none(client: Any, operation: str, code: str, **arguments: Any) -> Any:
    """Call `operation`; None where AWS answers that there is nothing of that kind."""
    from botocore.exceptions import ClientError

    try:
        return getattr(client, operation)(**arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == code:
            return None
        raise


# What refers to others comes after them.
READERS: dict[str, Callable[[Reading], Iterator[Row]]] = {
    "endpoint": _endpoints, "endpoint config": _configs, "model": _models, "notebook": _notebooks, "monitor": _monitors,
    "pipeline": _pipelines, "model package group": _packages, "scaling": _scaling, "log group": _logs,
    "image repository": _images, "bucket": _buckets, "function": _functions, "state machine": _machines,
    "rule": _rules, "alarm": _alarms,
    "ec2": _machines_of_ec2, "database": _databases, "table": _tables,
}  # fmt: skip
