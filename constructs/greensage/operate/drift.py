"""How a deployed model's watch stands: its newest reports, its open incidents, and what people may answer to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError

if TYPE_CHECKING:
    from ..drift.events import Decision, Incident, Report

_NEWEST = 30


@dataclass(frozen=True)
class Watch:
    """What was found: the newest report that judged rows, statuses of the newest windows (oldest first), what is open.

    `page` is the key of the page of the newest alert in `bucket`, or None. `decision` is the newest one.
    """

    model: str
    bucket: str
    report: Report | None
    windows: tuple[tuple[float, str], ...]
    incidents: tuple[Incident, ...]
    suspected: tuple[Incident, ...]
    decision: Decision | None
    page: str | None


class Loop:
    """One model's loop in the account. Raises GreensageError where there is none."""

    def __init__(self, session: Any, model: str, *, root: str = PARAMETERS_ROOT) -> None:
        from botocore.exceptions import ClientError

        self.session, self.model = session, model
        try:
            answer = session.client("ssm").get_parameter(Name=f"{root}/models/{model}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
            raise GreensageError(
                f"no model {model!r} is deployed in {session.region_name}; greensage status lists them"
            ) from None
        place = json.loads(answer["Parameter"]["Value"]).get("loop")
        if place is None:
            raise GreensageError(f"{model} is not watched: its file has no part `drift`")
        self.bucket, self.prefix, self._monitor = place["bucket"], place["prefix"], place.get("monitor", "")
        self.s3 = session.client("s3")

    def watch(self) -> Watch:
        """Return how it stands."""
        files = self._list("reports/")
        # What lies beside a report has more dots in its name, or a folder of its own.
        names = [name for name in files if name.endswith(".json") and name.count(".") == 1 and name.count("/") == 1]
        reports = [self._read(name) for name in names[-_NEWEST:]]
        judged = [row for row in reports if row and row.get("status") in ("ok", "drift", "unread")]
        incidents: list[Incident] = list((self._read("state/history.json") or {}).get("incidents", {}).values())
        from ..drift.incidents import is_open

        decisions = [found for name in reversed(names[-3:]) if (found := self._read(name.replace("reports/", "decisions/")))]
        pages = [name for name in files if name.endswith(".html")]
        return Watch(
            self.model, self.bucket, judged[-1] if judged else None,
            tuple((row["until"], row["status"]) for row in reports if row),
            tuple(row for row in incidents if is_open(row)), tuple(row for row in incidents if not is_open(row)),
            decisions[0] if decisions else None, f"{self.prefix}{pages[-1]}" if pages else None,
        )  # fmt: skip

    def answer(self, step: str) -> dict[str, Any]:
        """Have the monitor do what people decided: "acknowledge" or "accept". Raises GreensageError where it refuses."""
        if not self._monitor:
            raise GreensageError(f"{self.model} was deployed by a greensage that could not do that; deploy it again")
        client = self.session.client("lambda")
        answer = client.invoke(FunctionName=self._monitor, Payload=json.dumps({"step": step}).encode())
        found = json.loads(answer["Payload"].read() or b"{}")
        if "FunctionError" in answer:
            raise GreensageError(f"{self.model}: {found.get('errorMessage', found)}")
        return found

    def _list(self, folder: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{folder}")
        return sorted(row["Key"].removeprefix(self.prefix) for page in pages for row in page.get("Contents", []))

    def _read(self, name: str) -> Any:
        try:
            return json.loads(self.s3.get_object(Bucket=self.bucket, Key=f"{self.prefix}{name}")["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            return None
