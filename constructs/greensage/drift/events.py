"""What the monitor and the decision hand to each other, as JSON: window, report, incident, decision; a retraining is in `runs`.

The functions in lambda/retraining, the state machine and the pipeline read and write these and no others. Times are
seconds since 1970; energy is in kWh, carbon in gCO2e, both estimates.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from .runs import Failure

Action = Literal["none", "alert", "retrain"]
Engine = Literal["lambda", "model-monitor"]
Kind = Literal["drift", "quality"]
KpiState = Literal["below", "uncertain", "holds", "few-labels"]
Role = Literal["feature", "prediction"]
ReportStatus = Literal["ok", "drift", "unread", "few-rows", "no-data", "waiting", "done"]


class Window(TypedDict):
    """The captures to evaluate: those written after one time and not after another."""

    id: str
    after: float
    until: float
    files: int
    bytes: int
    engine: Engine
    job_failure: NotRequired[Failure]  # the job that should have evaluated it failed, so a function does
    left_out: NotRequired[int]  # files that a function could not read besides


class Violation(TypedDict):
    """A row of Model Monitor's constraint_violations.json."""

    feature_name: str
    constraint_check_type: str
    description: str


class ColumnRow(TypedDict):
    """How far a feature or an output has moved; p-values are corrected for all tests of the window (Holm).

    `why` is the test that saw the most, `effective_rows` how many independent rows the window's are worth, `season` the cycle
    (week or day) at whose place it was compared, `psi` the population stability index, whatever the method.
    """

    name: str
    role: Role
    value: float
    p_value: float
    drifted: bool
    why: str
    psi: float
    effective_rows: float
    season: str
    missing: float
    missing_baseline: float
    missing_p_value: float
    new_values: float
    new_values_p_value: float
    new_examples: list[str]
    more_missing: NotRequired[bool]
    has_new_values: NotRequired[bool]


class Joint(TypedDict):
    """What all columns show together; `pair` and `correlations` (before, now) where the relation of two of them changed."""

    p_value: float
    drifted: bool
    pair: list[str]
    correlations: list[float]


class Picture(TypedDict):
    """How a column was distributed and is: shares of the rows in bins, `labels` one for each."""

    labels: list[str]
    then: list[float]
    now: list[float]


class SegmentRow(TypedDict):
    """A slice of the rows against the same slice of the baseline: `column` is the one that changed the most improbably."""

    segment: str
    rows: int
    column: str
    value: float
    p_value: float
    drifted: list[str]


class KpiSegment(TypedDict):
    """How a KPI of a slice stands."""

    segment: str
    kpi: str
    labels: int
    value: float | None
    interval: list[float] | None
    threshold: float
    state: KpiState


class KpiRow(TypedDict):
    """How a KPI stands; `value` and the ends of its 95 % `interval` are None with too few labels, or where undefined.

    `since` is the labelled answer where a fall below the threshold began, `began` when that was answered.
    """

    threshold: float
    more_is_better: bool
    labels: int
    value: float | None
    interval: list[float] | None
    state: KpiState
    since: int | None
    began: NotRequired[str]


class KpiEstimate(TypedDict):
    """A KPI without labels: an estimate, with its 95 % interval; not calibrated ones take the model's word for it."""

    value: float
    interval: list[float]
    calibrated: bool


class Evaluation(TypedDict):
    """A window against its baseline. Without drift's settings only what was counted."""

    status: ReportStatus
    rows: int
    requests: int | None
    drifted: list[str]
    columns: list[ColumnRow]
    violations: list[Violation]
    bad_lines: dict[str, int]
    unread: float
    unusable_answers: int
    joint: NotRequired[Joint | None]
    segments: NotRequired[list[SegmentRow]]
    pictures: NotRequired[dict[str, Picture]]
    method: NotRequired[str]
    threshold: NotRequired[float]
    alpha: NotRequired[float]
    share: NotRequired[float]


class Quality(TypedDict):
    """KPIs by the labels there are, and an estimate without labels."""

    kpi: dict[str, KpiRow]
    kpi_estimate: dict[str, KpiEstimate]
    kpi_problem: str | None
    kpi_by_day: dict[str, dict[str, float]]
    kpi_segments: list[KpiSegment]
    unlabelled: int
    bad_labels: int
    label_problems: dict[str, int]


class Report(Evaluation, Quality):
    """What is kept of a window as reports/ID.json."""

    id: str
    model: str
    engine: Engine
    files: int
    after: float
    until: float
    quarantine: str | None
    job_failure: str | None
    files_left_out: int
    new_rows: int


class Summary(TypedDict):
    """What the state machine is told of an evaluated window."""

    id: str
    status: ReportStatus
    rows: int
    drifted: list[str]


class Estimate(TypedDict):
    """What a decision spends or avoids."""

    spent: float
    avoided: float


class Incident(TypedDict):
    """What people are told of once, and again when it is over: `kind` is drift, kpi, segment (a KPI
    of a slice), labels, unread, no-data, few-rows or failing.

    `what` says of what, `started` and `ended` when (of the windows), `windows` how many saw it, `calm` how many since did not.
    """

    kind: str
    what: list[str]
    started: float
    windows: int
    calm: int
    acknowledged: bool
    ended: NotRequired[float]


class Choice(TypedDict):
    """From a report and the policy to an action, with the evidence."""

    action: Action
    wanted: Action
    reasons: list[str]
    held_back: list[str]
    dry_run: bool
    drifted: list[str]
    violations: list[Violation]
    kpi: dict[str, KpiRow]
    kpi_estimate: dict[str, KpiEstimate]
    bad_lines: dict[str, int]
    kwh: Estimate
    grams: Estimate
    note: str
    decided: float
    opened: list[Incident]
    ended: list[Incident]
    incidents: dict[str, Incident]


class Decision(Choice):
    """What is kept as decisions/ID.json, and sent to the topic."""

    report: str
    model: str
    execution: NotRequired[str]  # the retraining that was started, or joined because it was under way
    joined: NotRequired[bool]
    told: bool  # figures, history and topic know of it
