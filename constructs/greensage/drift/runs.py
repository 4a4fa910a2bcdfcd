"""What the steps of a retraining hand to each other, as JSON: start, run, verdict, record, challenger.

The functions in lambda/retraining, the state machine and the pipeline read and write these and no others. Times are
seconds since 1970; energy is in kWh, carbon in gCO2e, both estimates.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Outcome = Literal["promoted", "kept", "failed", "unknown"]
UpdateStatus = Literal["updating", "done", "rolled-back"]


class Failure(TypedDict, total=False):
    """What Step Functions catches; a pipeline's is put in the same words."""

    Error: str
    Cause: str


class Start(TypedDict):
    """What an execution of the loop is started with."""

    number: int
    name: str
    report: str
    reasons: list[str]


class Verdict(TypedDict):
    """Whether the challenger is promoted, by how much it is better (None: undefined), and why."""

    promote: bool
    reasons: list[str]
    gain: NotRequired[float | None]  # a share of the champion's value


class Candidate(TypedDict):
    """An instance type to train on, whether as managed spot, and what an hour costs at most, in USD."""

    type: str
    spot: bool
    usd_per_hour: NotRequired[float]


class TrainingPlace(TypedDict):
    """Where a training runs next, or that no other makes sense; `spent` is the billed seconds that were lost so far."""

    again: bool
    attempt: NotRequired[int]
    candidate: NotRequired[Candidate]
    spent: NotRequired[float]
    why: NotRequired[str]


class Prepared(TypedDict):
    """What was made ready; or, if another retraining is under way, why this one is refused."""

    refused: bool
    champion: str
    reason: NotRequired[str]
    begin: NotRequired[str]
    place: NotRequired[TrainingPlace]
    rows: NotRequired[dict[str, int]]


class Training(TypedDict):
    """A training as it is recorded: `seconds` are billed ones."""

    job: str
    status: str
    type: str
    seconds: float


class Registered(TypedDict):
    """The ARN of the challenger's model package."""

    package: str


class Deployed(TypedDict):
    """The endpoint config that the endpoint was told to move to, and when, in seconds since 1970."""

    config: str
    begun: float


class Checked(TypedDict):
    """How the endpoint's update stands."""

    status: UpdateStatus
    reason: NotRequired[str]


class Champion(TypedDict):
    """What serves: its artifact, its id (r and the retraining's number) and the retraining it came from."""

    artifact: str
    id: str
    retraining: str


class CleanedUp(TypedDict):
    """What was stopped and rejected; a challenger that serves already stays, then `in_use` is true."""

    stopped: list[str]
    in_use: bool
    rejected: NotRequired[str | None]


class Recorded(TypedDict):
    """What came out, where the record is, and what is told."""

    outcome: Outcome
    record: str
    message: str


class Run(TypedDict, total=False):
    """All that is known of a retraining under way; each step adds its result. What a step needs is there before it."""

    number: int
    name: str
    report: str
    reasons: list[str]
    begun: float
    prepared: Prepared
    place: TrainingPlace
    trained: dict[str, Any]  # as DescribeTrainingJob has it
    artifact: str
    compared: dict[str, Any]
    verdict: Verdict
    optimized: dict[str, Any]
    not_optimized: Failure
    registered: Registered
    approval: dict[str, Any]
    approved: dict[str, str]
    deployed: Deployed
    checked: Checked
    champion: Champion
    cleaned: CleanedUp
    clean_up_failure: Any
    failure: Failure
    recorded: Recorded
    # What the step is told besides.
    why: str | None
    outcome: Outcome


class Record(TypedDict):
    """What is kept of a retraining as records/NAME.json."""

    name: str
    outcome: Outcome
    report: str | None
    reasons: list[str]
    verdict: Verdict | None
    training: Training | None
    failure: Failure | None
    not_optimized: Failure | None
    package: str | None
    ended: float
    kwh: float
    grams: float


class Challenger(TypedDict):
    """state/challenger.json: the statistics that become the baseline if it is promoted."""

    retraining: str
    statistics: dict[str, Any]
