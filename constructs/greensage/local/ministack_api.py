"""The one room that touches ministack's private names (with its annexes ministack_fixes.py and ministack_services.py).

ministack is pinned; `missing_names` says what has moved.
"""

from __future__ import annotations

import contextlib
import fnmatch
import importlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from . import chaos
from .ministack_fixes import mend

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]

_PRIVATE_NAMES = {
    "ministack.app": ("SERVICE_HANDLERS", "detect_service", "pin_request_origin", "AUTH"),
    "ministack.core.router": ("SERVICE_PATTERNS", "extract_access_key_id", "extract_region"),
    "ministack.core.responses": ("get_account_id", "get_region", "request_scope"),
    "ministack.core.iam_evaluator": (
        "EvalContext", "evaluate", "enforce", "AuthError", "pin_request_origin", "combine_resource_policy",
        "_gather_role_policies", "_permissions_boundary", "_resource_policy", "_POLICY_REQUIRED", "_service_principal_matches",
    ),
    "ministack.core.iam_actions": ("access_denied_response", "identity_denial_message", "extract_resource_arn"),
    "ministack.core.concurrency": ("spawn_background",),
    "ministack.services.iam": ("_roles",),
    "ministack.services.s3": ("_buckets", "_bucket_tags", "_get_object_data", "_delete_bucket", "_put_object"),
    "ministack.services.ecr": ("_repositories", "_find_image", "_put_image", "_describe_images", "_batch_delete_image"),
    "ministack.services.codebuild": ("_projects", "_builds", "_start_build", "_finish_build"),
    "ministack.services.cloudwatch": ("record_metric", "_alarms", "_metrics", "_dims_key", "_evaluate_alarm", "_set_alarm_state"),
    "ministack.services.sns": ("publish_internal",),
    "ministack.services.stepfunctions": ("_SERVICE_DISPATCH", "_ExecutionError", "_execute_task", "_state_machines",
                                           "_invoke_with_callback", "_call_lambda"),
    "ministack.services.sts": ("register_session", "_gen_session_access_key", "_gen_secret", "_gen_session_token"),
    "ministack.core.lambda_runtime": ("_PYTHON_WORKER_SCRIPT",),
    "ministack.services.ssm": ("_public_parameter", "get_region"),
    "ministack.services.eventbridge": ("_parse_rate_seconds", "_SCHEDULER_TICK_INTERVAL"),
    "ministack.services.iot": ("_thing_groups",),
    "ministack.services.cloudwatch_logs": ("_log_groups", "_create_log_group", "_create_log_stream", "_put_log_events"),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
    "ministack.services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS", "_REPLACING_PROPERTIES", "_CUSTOM_NAME_REPLACEMENT", "_STACK_TAG_PROPERTY", "_physical_name",
    ),
}  # fmt: skip


def missing_names() -> list[str]:
    """Return the private names that this file needs and the installed ministack does not have."""
    missing = []
    for module, names in _PRIVATE_NAMES.items():
        loaded = importlib.import_module(module)
        missing += [f"{module}.{name}" for name in names if not hasattr(loaded, name)]
    return missing


def install(handlers: Mapping[str, Handler]) -> None:
    """Add our services to ministack and mend what differs from AWS where it matters here."""
    from ministack import app
    from ministack.core import router

    # AnyScaleFrontendService is Application Auto Scaling's name on the wire.
    for service, prefix, signed in (
        ("sagemaker", "SageMaker.", "sagemaker"),
        ("application-autoscaling", "AnyScaleFrontendService.", "application-autoscaling"),
        ("service-quotas", "ServiceQuotasV20190624.", "servicequotas"),
    ):
        router.SERVICE_PATTERNS[service] = {"target_prefixes": [prefix], "host_patterns": [], "credential_scope": signed}
    detect = app.detect_service

    def detect_with_runtime(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
        # Both SageMaker APIs sign as "sagemaker"; only the control plane has a target header.
        service = detect(method, path, headers, query)
        return "sagemaker-runtime" if service == "sagemaker" and not headers.get("x-amz-target") else service

    app.detect_service = detect_with_runtime
    known: Any = app.SERVICE_HANDLERS
    known.update(handlers)
    mend()


def add_resource_type(
    name: str,
    *,
    create: Any,
    update: Any,
    delete: Any,
    replacing: tuple[str, ...],
    named_by: str | None,
    tagged: bool,
    slow: bool,
) -> None:
    """Teach CloudFormation a resource type; `slow` ones may block, `replacing` lists the create-only properties."""
    from ministack.services.cloudformation import provisioners, stacks

    provisioners._RESOURCE_HANDLERS[name] = {
        "create": create, "update": update, "update_with_logical_id": True, "delete": delete,
    }  # fmt: skip
    provisioners._REPLACING_PROPERTIES[name] = replacing
    if named_by:
        provisioners._CUSTOM_NAME_REPLACEMENT[name] = {"name": named_by}
    if tagged:
        provisioners._STACK_TAG_PROPERTY[name] = ("Tags", "list")
    # ministack provisions on its event loop, which must go on answering while an endpoint comes up.
    if slow:
        known = stacks._runs_on_worker_thread
        stacks._runs_on_worker_thread = lambda kind: kind == name or known(kind)


def generated_name(stack: str, logical_id: str, longest: int) -> str:
    """Return the physical name that CloudFormation gives a resource without one; a replacement gets another."""
    from ministack.services.cloudformation import provisioners

    # SageMaker's ARNs are in lower case, and resources are found again by the name in them.
    return provisioners._physical_name(stack, logical_id, max_len=longest).lower()


def account() -> str:
    """Return the account of the request at hand."""
    from ministack.core.responses import get_account_id

    return get_account_id()


def region() -> str:
    """Return the Region of the request at hand."""
    from ministack.core.responses import get_region

    return get_region()


def scope(account_id: str, region_name: str) -> contextlib.AbstractContextManager[Any]:
    """Act as `account_id` in `region_name`, for threads of our own."""
    from ministack.core.responses import request_scope

    return request_scope(account_id, region_name)


def authorize(
    headers: dict[str, str],
    query: dict[str, list[str]],
    action: str,
    arn: str,
    *,
    rest: bool = False,
    context: Mapping[str, str] | None = None,
) -> Answer | None:
    """Return None when the caller may do `action` on `arn`, or when authorization is off; else the refusal."""
    from ministack import app
    from ministack.core import iam_evaluator, router
    from ministack.core.iam_actions import access_denied_response, identity_denial_message
    from ministack.core.responses import error_response_json

    if not app.AUTH:
        return None
    service = action.split(":")[0]
    denied = iam_evaluator.enforce(
        router.extract_access_key_id(headers, query), action, service, router.extract_region(headers, query),
        resource_arn=arn, service_context=dict(context or {}),
    )  # fmt: skip
    if not denied:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        status, answer_headers, body = access_denied_response(
            service, action, "", "", error_code=denied.code, message=denied.message, headers=headers
        )
    else:
        message = identity_denial_message(action, denied.principal_arn, arn, denied.decision == "Deny")
        status, answer_headers, body = error_response_json(
            # AWS's JSON protocols answer a denial with 400, its REST ones with 403.
            "AccessDeniedException",
            message,
            403 if rest else 400,
            message_key="Message",
        )
    answer_headers["Content-Type"] = "application/json" if rest else "application/x-amz-json-1.1"
    return status, answer_headers, body


def role_allows(role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """Return whether the role's policies (and the resource's) let it do `action` on `resource`."""
    from ministack.core import iam_evaluator as evaluator
    from ministack.core.responses import get_region, request_scope
    from ministack.services import iam

    if chaos.is_unsettled(role_arn):
        return False
    account_id, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    with request_scope(account_id, get_region()):
        policies = evaluator._gather_role_policies(name, account_id)
        limits: Any = evaluator._permissions_boundary(iam._roles, name, account_id)
        request = evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{account_id}:assumed-role/{name}/SageMaker", principal_type="AssumedRole",
            principal_account=account_id, action=action, resource_arn=resource, region=get_region(),
            secure_transport=True, source_ip="127.0.0.1",
            # As in ministack's own check: a request that names no tags has no such key.
            service_context={"aws:tagkeys": None, **{key.lower(): value for key, value in (context or {}).items()}},
        )  # fmt: skip
        result = evaluator.evaluate(request, policies, *limits)
        service = action.split(":")[0]
        found = evaluator._resource_policy(service, resource)
        if found is not None:
            # A KMS key's policy has to allow it, whatever the role's own says.
            required = service in evaluator._POLICY_REQUIRED
            result = evaluator.combine_resource_policy(result, request, *found, required=required, limits=limits)
    return result.decision == "Allow"


def role_environment(role_arn: str) -> dict[str, str]:
    """Return the variables with which a container acts as its execution role, for as long as the local cloud runs."""
    from ministack.core.responses import get_region
    from ministack.services import sts

    key, secret, token = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
    name = role_arn.rsplit("/", 1)[-1]
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{role_arn.split(':')[4]}:assumed-role/{name}/SageMaker", "UserId": f"AROA:{name}",
            "SecretAccessKey": secret, "SessionToken": token, "Expiration": time.time() + 365 * 86_400,
            "AccountId": role_arn.split(":")[4], "PrincipalType": "AssumedRole", "SourceAccessKeyId": "",
            "SourcePrincipalArn": "", "SessionTags": {}, "SessionPolicies": None,
        },
    )  # fmt: skip
    return {
        "AWS_ENDPOINT_URL": f"http://localhost:{os.environ['GATEWAY_PORT']}", "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(), "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token,
    }  # fmt: skip


def role_trusts(role_arn: str, service: str) -> bool:
    """Return whether the role exists and lets `service` assume it for a resource of this account and Region."""
    from ministack.core.iam_evaluator import _service_principal_matches
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import iam

    found = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
    if not found or found["Arn"] != role_arn:
        return False
    document = found["AssumeRolePolicyDocument"]
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    account, name = get_account_id(), service.partition(".")[0]
    source = {"aws:sourceaccount": account, "aws:sourcearn": f"arn:aws:{name}:{get_region()}:{account}:resource/name"}
    return any(
        row.get("Effect") == "Allow"
        and {"sts:AssumeRole", "sts:*", "*"} & set(_as_list(row.get("Action")))
        and _service_principal_matches(row.get("Principal"), service)
        and _source_matches(row.get("Condition") or {}, source)
        for row in _as_list(statements)
    )


def _source_matches(conditions: Mapping[str, Any], source: Mapping[str, str]) -> bool:
    """Whether a trust policy's conditions hold for what a service says of itself: the account, and a resource's ARN."""
    return all(
        any(fnmatch.fnmatchcase(source.get(key.lower(), ""), str(pattern)) for pattern in _as_list(wanted))
        for row in conditions.values()
        for key, wanted in row.items()
    )


def s3_object(bucket: str, key: str) -> bytes | None:
    """Return an object's bytes, or None."""
    from ministack.services import s3

    return s3._get_object_data(bucket, key)


def s3_keys(bucket: str, prefix: str) -> list[str] | None:
    """Return the keys under `prefix`, or None when there is no such bucket."""
    from ministack.services import s3

    found = s3._buckets.get(bucket)
    return None if found is None else sorted(key for key in list(found["objects"]) if key.startswith(prefix))


def ecr_tags(repository: str, reference: str) -> list[str] | None:
    """Return the tags of the image that `reference`, a tag or a digest, is in a repository of the account at hand, or None."""
    from ministack.services import ecr

    key = "imageDigest" if reference.startswith("sha256:") else "imageTag"
    found = ecr._find_image(repository, {key: reference}) if repository in ecr._repositories else None
    return None if found is None else list(found.get("imageTags", []))


def ecr_manifest(repository: str, tag: str) -> str | None:
    """Return the manifest of an image of the account at hand, or None."""
    from ministack.services import ecr

    found = ecr._find_image(repository, {"imageTag": tag}) if repository in ecr._repositories else None
    return None if found is None else str(found["imageManifest"])


def put_image(repository: str, tag: str, manifest: str) -> None:
    """Put an image into a repository of the account at hand. RuntimeError, with ECR's words, where it is refused."""
    from ministack.services import ecr

    media = json.loads(manifest)["mediaType"]
    request = {"repositoryName": repository, "imageManifest": manifest, "imageTag": tag, "imageManifestMediaType": media}
    status, _, answer = ecr._put_image(request)
    if status >= 400:
        raise RuntimeError(answer.decode(errors="replace"))


def put_logs(group: str, stream: str, lines: list[str], *, may_create_group: bool) -> bool:
    """Write `lines`; return False when the group does not exist and may not be created."""
    from ministack.services import cloudwatch_logs as logs

    if group not in logs._log_groups:
        if not may_create_group:
            return False
        logs._create_log_group({"logGroupName": group})
    if stream not in logs._log_groups[group]["streams"]:
        logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines]
    logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": events})
    return True


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, (str, dict)) else list(value or [])
