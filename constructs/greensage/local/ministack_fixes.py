"""Corrects where ministack differs from AWS in ways that would make a green test mean nothing. Called by ministack_api."""

from __future__ import annotations

import io
import json
import platform
import re
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from ..catalog import layers
from .clock import scaled
from .metric_math import check, queries_of

_LONGEST_INVISIBLE_SECONDS = 43_200
Answer = tuple[int, dict[str, str], bytes]


def mend() -> None:
    """Apply all fixes to the ministack in this process."""
    _treat_loopback_as_tls()
    _tag_buckets()
    _refuse_to_delete_full_buckets()
    _say_when_an_image_is_missing()
    _delete_a_tag_and_not_the_image()
    _name_what_is_asked_for()
    _publish_the_layers()
    _leave_out_what_is_for_another_machine()
    _take_alarms_of_expressions()
    _run_schedules_faster()
    _scale_waits_for_people()
    _name_the_errors_of_functions()
    _scale_waits_of_messages()
    _tell_condition_keys()


def _publish_the_layers() -> None:
    """AWS publishes the ARNs of its layers in each Region; functions here run in a Python that has what they hold."""
    from ministack.services import ssm

    public = ssm._public_parameter
    # With the account from which AWS publishes the layer.
    names = {layers.pydantic_layer(): "017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-arm64:1"}

    def with_layer(asked: str) -> Any:
        if asked not in names:
            return public(asked)
        value = f"arn:aws:lambda:{ssm.get_region()}:{names[asked]}"
        return {"Name": asked, "Type": "String", "Value": value, "Version": 1, "LastModifiedDate": 1728518400,
                "ARN": f"arn:aws:ssm:{ssm.get_region()}::parameter{asked}"}  # fmt: skip

    ssm._public_parameter = with_layer


def _leave_out_what_is_for_another_machine() -> None:
    """A layer for Graviton cannot be loaded on x86_64; functions here run in a Python that has what it holds."""
    from ministack.services import lambda_svc

    read = lambda_svc._resolve_layer_zip

    def readable(attachment: Any) -> Any:
        content = read(attachment)
        if content is None or platform.machine() in ("aarch64", "arm64"):
            return content
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            foreign = any("-aarch64-" in name for name in archive.namelist())
        return None if foreign else content

    lambda_svc._resolve_layer_zip = readable


def _take_alarms_of_expressions() -> None:
    """ministack knows alarms of one metric; the local cloud's own evaluation computes expressions too."""
    from ministack.services.cloudformation import provisioners

    of_one_metric = provisioners._cw_metric_alarm_record

    def record(name: str, props: dict[str, Any]) -> dict[str, Any]:
        if not props.get("Metrics"):
            return of_one_metric(name, props)
        expression, metrics = queries_of(props)
        check(expression, {row["Id"] for row in metrics})
        if len(metrics) > _METRICS_OF_AN_ALARM:
            raise ValueError(f"an alarm reads at most {_METRICS_OF_AN_ALARM} metrics, this one {len(metrics)}")
        plain = {key: value for key, value in props.items() if key != "Metrics"}
        made = of_one_metric(name, {**plain, "MetricName": "-", "Namespace": "-"})
        return {**made, "MetricName": "", "Namespace": "", "Metrics": props["Metrics"]}

    provisioners._cw_metric_alarm_record = record


# CloudWatch user guide, alarms on metric math.
_METRICS_OF_AN_ALARM = 10


def _run_schedules_faster() -> None:
    """rate(1 hour) comes as often, in the local cloud's time, as on AWS."""
    from ministack.services import eventbridge

    seconds = eventbridge._parse_rate_seconds
    # ministack looks every ten seconds, in which eight of the local cloud's minutes go by.
    eventbridge._SCHEDULER_TICK_INTERVAL = 1

    def faster(expression: str) -> Any:
        found = seconds(expression)
        return None if found is None else scaled(found)

    eventbridge._parse_rate_seconds = faster


def _scale_waits_for_people() -> None:
    """A task that waits for a token times out in the local cloud's time."""
    from ministack.services import stepfunctions

    invoke = stepfunctions._invoke_with_callback

    def sooner(resource: str, given: Any, token: str, state: dict[str, Any]) -> Any:
        limit = {"TimeoutSeconds": scaled(state["TimeoutSeconds"])} if "TimeoutSeconds" in state else {}
        return invoke(resource, given, token, {**state, **limit})

    stepfunctions._invoke_with_callback = sooner


def _name_the_errors_of_functions() -> None:
    """Retry and Catch go by the class of a function's exception; ministack calls them all Runtime.HandlerError."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    # The worker hands on one text, so class and message are joined by a control character that neither holds.
    plain, named = '"error": str(e), "trace"', '"error": type(e).__name__ + "\\x1f" + str(e), "trace"'
    if plain not in lambda_runtime._PYTHON_WORKER_SCRIPT:
        raise RuntimeError("ministack's worker for Python has changed; greensage needs the pinned version")
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(plain, named)
    execute = lambda_svc._execute_function

    def execute_and_name(function: Any, event: Any) -> dict[str, Any]:
        result = execute(function, event)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict):
            kind, mark, message = str(body.get("errorMessage", "")).partition("\x1f")
            if mark:
                result["body"] = {**body, "errorType": kind, "errorMessage": message}
        return result

    lambda_svc._execute_function = execute_and_name


def _scale_waits_of_messages() -> None:
    """A message that is to come back later does so in the local cloud's time."""
    from ministack.services import sqs

    change = sqs._act_change_visibility

    def sooner(data: dict[str, Any], url: str) -> Any:
        asked = float(data.get("VisibilityTimeout", 30))
        if asked >= _LONGEST_INVISIBLE_SECONDS:  # counted from when the message was received, so some have passed
            raise sqs._Err("InvalidParameterValue", "VisibilityTimeout is more than the maximum time left.")
        seconds = scaled(asked)
        # ministack takes whole seconds; a scaled wait is a fraction, so the time is set by hand below.
        answer = change({**data, "VisibilityTimeout": 3_600}, url)
        messages = sqs._get_q(data.get("QueueUrl", url), "sqs:ChangeMessageVisibility")["messages"]
        for message in (row for row in messages if row["receipt_handle"] == data.get("ReceiptHandle")):
            message["visible_at"] = time.time() + seconds
        return answer

    # The table holds the function itself, so replacing the module's name would change nothing.
    known = next((table for table in vars(sqs).values() if isinstance(table, dict) and change in table.values()), None)
    if known is None:
        raise RuntimeError("ministack's table of SQS actions has changed; greensage needs the pinned version")
    known.update({name: sooner for name, action in known.items() if action is change})


def _treat_loopback_as_tls() -> None:
    """Buckets that demand TLS are ours by default, and the local cloud listens on loopback without it."""
    from ministack import app
    from ministack.core import iam_evaluator

    app.pin_request_origin = lambda ip, secure: iam_evaluator.pin_request_origin(ip, secure or ip in ("127.0.0.1", "::1"))


def _tag_buckets() -> None:
    """CloudFormation puts a bucket's tags on the bucket; ministack drops them."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create, update = handlers["create"], handlers["update"]

    def tagged(made: tuple[str, Any], props: Mapping[str, Any]) -> tuple[str, Any]:
        s3._bucket_tags[made[0]] = {row["Key"]: row["Value"] for row in props.get("Tags", [])}
        return made

    handlers["create"] = lambda logical_id, props, stack: tagged(create(logical_id, props, stack), props)
    handlers["update"] = lambda physical_id, old, new, *rest: tagged(update(physical_id, old, new, *rest), new)


def _refuse_to_delete_full_buckets() -> None:
    """AWS keeps a bucket that holds objects or versions, and the stack fails; ministack drops it in silence."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    def delete(physical_id: str, props: Mapping[str, Any]) -> None:
        if physical_id not in s3._buckets:
            return
        status, _, body = s3._delete_bucket(physical_id)
        if status >= 400:
            message = re.search(rb"<Message>(.*?)</Message>", body)
            raise ValueError(message.group(1).decode() if message else f"bucket {physical_id} was not deleted")

    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = delete


def _say_when_an_image_is_missing() -> None:
    """DescribeImages of a missing tag is an error on AWS; tools read a plain answer as "it is there"."""
    from ministack.core.responses import error_response_json
    from ministack.services import ecr

    describe = ecr._describe_images

    def describe_or_fail(data: dict[str, Any]) -> Answer:
        name = data.get("repositoryName", "")
        for image in data.get("imageIds") or []:
            if name in ecr._repositories and not ecr._find_image(name, image):
                message = f"The image with imageId {image} does not exist within the repository with name '{name}'"
                return error_response_json("ImageNotFoundException", message, 400)
        return describe(data)

    ecr._describe_images = describe_or_fail


def _name_what_is_asked_for() -> None:
    """AWS authorizes these on a project, a path of parameters, or the log groups; ministack asks for all resources."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_resource_arn

    def extract_more(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: Any, region_name: str, account_id: str
    ) -> str:
        action, place = headers.get("x-amz-target", "").rpartition(".")[2], f"{region_name}:{account_id}"
        if action == "BatchGetBuilds":
            project = json.loads(body)["ids"][0].rsplit("/", 1)[-1].split(":")[0]
            return f"arn:aws:codebuild:{place}:project/{project}"
        if action == "GetParametersByPath":
            return f"arn:aws:ssm:{place}:parameter/{json.loads(body)['Path'].strip('/')}"
        if action == "DescribeRepositories" and (names := json.loads(body or b"{}").get("repositoryNames")):
            return f"arn:aws:ecr:{place}:repository/{names[0]}"
        if service == "ecr" and action == "ListTagsForResource":
            return str(json.loads(body)["resourceArn"])
        if action == "DescribeLogGroups":
            return f"arn:aws:logs:{place}:log-group::log-stream:"
        return extract(service, method, path, headers, body, query, region_name, account_id)

    iam_actions.extract_resource_arn = extract_more


def _delete_a_tag_and_not_the_image() -> None:
    """BatchDeleteImage by tag takes the tag away; the image goes with its last one. ministack deletes the image."""
    from ministack.services import ecr

    delete = ecr._batch_delete_image

    def delete_tags_first(data: dict[str, Any]) -> Answer:
        name, left = data.get("repositoryName", ""), []
        for image_id in data.get("imageIds") or []:
            tag = image_id.get("imageTag")
            found = ecr._find_image(name, image_id) if tag and name in ecr._repositories else None
            if found and len(found.get("imageTags", [])) > 1:
                found["imageTags"].remove(tag)
                found["imageId"]["imageTag"] = found["imageTags"][0]
            else:
                left.append(image_id)
        return delete({**data, "imageIds": left})

    ecr._batch_delete_image = delete_tags_first


def _tell_condition_keys() -> None:
    """Policies limit metrics by their namespace and events by their source; ministack's requests carry neither."""
    from ministack.core import iam_actions

    tags = iam_actions.request_tag_context

    def with_keys(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        found = tags(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            return {**found, "cloudwatch:namespace": _namespace(body, params)}
        if action == "events:PutEvents":
            sources = [row.get("Source", "") for row in json.loads(body or b"{}").get("Entries", [])]
            return {**found, "events:source": sources[0] if len(sources) == 1 else sources}
        return found

    iam_actions.request_tag_context = with_keys


def _namespace(body: bytes, params: Any) -> str:
    """The namespace of a PutMetricData request, in any of CloudWatch's protocols."""
    if body[:1] == b"{":
        return str(json.loads(body).get("Namespace", ""))
    if body and not body.startswith(b"Action="):
        import cbor2  # pyright: ignore[reportMissingImports]  # ministack decodes with it, where it is

        return str(cbor2.loads(body).get("Namespace", ""))
    given = params.get("Namespace", "")
    return str(given[0] if isinstance(given, list) else given)
