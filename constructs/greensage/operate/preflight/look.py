"""One look at an account and a Region: calls that read, what is not there as None, and what may not be read said so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .check import Check, State

_NOT_THERE = (
    "NotFound", "NotFoundException", "NoSuchEntity", "NoSuchBucket", "NoSuchKey", "ParameterNotFound", "404",
    "ResourceNotFoundException", "RepositoryNotFoundException", "ImageNotFoundException", "NoSuchResourceException",
    "InvalidSubnetID.NotFound", "InvalidGroup.NotFound", "InvalidGroupId.NotFound",
)  # fmt: skip
_MAY_NOT = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403")


class NotReadable(Exception):
    """The caller may not read it, or the service does not answer; the words say which."""


@dataclass
class Look:
    """One look at a Region, with the checks that were made."""

    session: Any
    region: str
    root: str
    checks: list[Check] = field(default_factory=list[Check])
    _clients: dict[str, Any] = field(default_factory=dict[str, Any], init=False, repr=False)

    def client(self, service: str) -> Any:
        """Return a client that waits and asks again when AWS throttles."""
        from botocore.config import Config

        if service not in self._clients:
            retries = Config(retries={"mode": "adaptive", "max_attempts": 10}, connect_timeout=10, read_timeout=30)
            self._clients[service] = self.session.client(service, region_name=self.region, config=retries)
        return self._clients[service]

    def ask(self, service: str, operation: str, **request: Any) -> dict[str, Any] | None:
        """Return the answer, None for what is not there. NotReadable when it cannot be known."""
        return reading(lambda: getattr(self.client(service), operation)(**request))

    def pages(self, service: str, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Yield the items of every page. NotReadable when it cannot be known."""
        found = reading(lambda: [
            item for page in self.client(service).get_paginator(operation).paginate(**request) for item in page.get(key, [])
        ])  # fmt: skip
        yield from found or []

    def says(self, what: str, state: State, found: str, models: tuple[str, ...] = (), do: str = "") -> None:
        """Note one check."""
        self.checks.append(Check(self.region, what, state, found, models, do))

    def try_to(self, what: str, look: Callable[[], None], models: tuple[str, ...] = ()) -> None:
        """Look, and note that it could not be known where that is so."""
        try:
            look()
        except NotReadable as error:
            self.says(what, "unknown", str(error), models)

    @cached_property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """The stacks that are there, by name."""
        rows = self.pages("cloudformation", "describe_stacks", "Stacks")
        return {row["StackName"]: row for row in rows if row["StackStatus"] != "DELETE_COMPLETE"}

    def quotas(self, service: str) -> dict[str, dict[str, Any]]:
        """The quotas of a service in this account, by name."""
        key = f"quotas of {service}"
        if key not in self._clients:
            rows = self.pages("service-quotas", "list_service_quotas", "Quotas", ServiceCode=service)
            self._clients[key] = {row["QuotaName"]: row for row in rows}
        return self._clients[key]


def reading(work: Callable[[], Any]) -> Any:
    """Return what `work` reads, None where it is not there. NotReadable, with the reason, when it cannot be known."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return work()
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        # CloudFormation's word for invalid, and SageMaker's.
        missing = "does not exist" in message or "Could not find" in message
        if code in _NOT_THERE or (code in ("ValidationError", "ValidationException") and missing):
            return None
        if code in _MAY_NOT:
            raise NotReadable(f"you may not read it: {error.operation_name} ({code})") from None
        raise NotReadable(f"{error.operation_name}: {code}: {message}") from None
    except BotoCoreError as error:
        raise NotReadable(str(error)) from None
