"""Reads a Region of an account, service by service; one that may not be read is a problem, and the others are still checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import CheckError
from ..config import Config
from ..engine import Engine
from ..review import of_config, review
from ..rule import Rule
from ..run import Report, fill, today
from ..template import Template
from .readers import READERS, Reading


def check_account(
    rules: Sequence[Rule],
    config: Config,
    region: str | None,
    *,
    baseline: frozenset[str] = frozenset(),
    progress: Callable[[str], None] = lambda shown: None,
    session: Any = None,
) -> Report:
    """Return the report of `region` (default: the AWS profile's). Calls nothing but List, Describe and Get.

    Raises CheckError where no Region or no credentials are set.
    """
    made = session or _session()
    where = region or config.region or made.region_name
    if not where:
        raise CheckError("which Region? name one with --region, or set AWS_REGION")
    if made.get_credentials() is None:
        raise CheckError("no AWS credentials: set AWS_PROFILE, or run aws configure")
    report = Report(rules=tuple(rules))
    template = Template(
        f"account in {where}", where, {"Resources": _resources(made, where, report, progress)}, where, deployed_as=where
    )
    report.resources = len(template.resources)
    engine = Engine(rules, config.parameters)
    found = list(engine.run([template]))
    accepted = list(of_config(config.suppress, "the configuration"))
    fill(report, review(found, accepted, today=today(), active=engine.ids, baseline=baseline))
    return report


def _resources(session: Any, region: str, report: Report, progress: Callable[[str], None]) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[str, Any] = {}
    for name, reader in READERS.items():
        progress(name)
        try:
            for kind, item, properties in reader(Reading(session, region, found)):
                found[f"{name}/{item}"] = {
                    "Type": kind,
                    "Properties": {key: value for key, value in properties.items() if value is not None},
                }
        except (ClientError, BotoCoreError) as error:
            report.problems.append(f"account in {region}: {name}: {_reason(error)}")
    return found


def _reason(error: Exception) -> str:
    """One line: what was refused, and the code."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        return f"{error.operation_name}: {said.get('Code', '')}: {said.get('Message', '')}"
    return str(error).splitlines()[0]


def _session() -> Any:
    import boto3

    return boto3.Session()
