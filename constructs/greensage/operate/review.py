"""What a weekly review says: three lines that a person can act on, and one more where something could not be read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..text import money, number
from .kpi import Kpi, by_model, months_of
from .rightsize import Proposal, totals
from .unused import Unused

_SUBJECT_MAX = 100  # of SNS's mails
_NAMED = 3


@dataclass(frozen=True)
class Review:
    """The mail: its subject in ASCII, and its lines; `problems` has all that could not be read, of which they name one."""

    subject: str
    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def review_of(
    region: str, proposals: Sequence[Proposal], unused: Sequence[Unused], kpis: Sequence[Kpi], problems: Sequence[str]
) -> Review:
    """Return what to say of a Region. What could not be read is said, and never passes for nothing to do."""
    changes = [item for item in proposals if item.state == "change"]
    lines = [_sizes(proposals, changes), _unused(unused), _kpi(kpis)]
    if problems:
        lines.append(
            f"Not read: {problems[0]}{f', and {len(problems) - 1} more' if len(problems) > 1 else ''}. So this is not all."
        )
    words = f"greensage {region}: {len(changes)} to right-size, {len(unused)} to clean up"
    return Review(f"{words}{', something not read' if problems else ''}"[:_SUBJECT_MAX], tuple(lines), tuple(problems))


def _sizes(proposals: Sequence[Proposal], changes: list[Proposal]) -> str:
    if not proposals:
        return "Right-size: no model has published its spec here, so nothing was looked at. Deploy the models again."
    if not changes:
        unknown = sum(item.state == "not enough data" for item in proposals)
        said = f"; of {unknown} there is not enough data" if unknown else ""
        return f"Right-size: nothing to change among {len(proposals)} models{said}."
    saved = totals(changes)
    most = sorted(changes, key=_saved_g, reverse=True)[:_NAMED]
    named = "; ".join(f"{item.model}: {item.runs} -> {item.proposed}" for item in most)
    more = f"; and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return (
        f"Right-size {len(changes)} of {len(proposals)} models: {number(saved['energy_kwh'])} kWh, "
        f"{number(saved['carbon_g'])} gCO2e and {money(saved['cost_usd'])} USD a month less "
        f"({named}{more}). Do: greensage rightsize --write, then cdk deploy."
    )


def _saved_g(item: Proposal) -> float:
    return item.now.carbon_g.mid - item.then.carbon_g.mid if item.now and item.then else 0.0


def _unused(unused: Sequence[Unused]) -> str:
    if not unused:
        return "Clean up: nothing is left over."
    kinds = ", ".join(
        f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in Counter(item.kind for item in unused).items()
    )
    whole = sum(item.gb for item in unused)
    return f"Clean up: {kinds} that nothing uses{f', {number(whole)} GB' if whole else ''}. Do: greensage clean, then --yes."


def _kpi(kpis: Sequence[Kpi]) -> str:
    months = [row for row in months_of(kpis) if row.kpi is not None]
    if not months:
        return "KPI: no inference was measured this month or the one before. Look: greensage kpi."
    last = months[-1]
    idle = last.idle_hours / last.instance_hours if last.instance_hours else 0.0
    words = f"KPI: {number(last.kpi or 0.0, 2)} vCPU-hours per 1,000 inferences in {last.month}"
    if len(months) > 1 and months[-2].kpi:
        change = (last.kpi or 0.0) / months[-2].kpi - 1
        words += f", {abs(change):.0%} {'less' if change < 0 else 'MORE'} than in {months[-2].month}"
    worst = _worst(kpis, last.month)
    return f"{words}; {idle:.0%} of the instance-hours idle{f', most of them of {worst}' if worst else ''}. Look: greensage kpi."


def _worst(kpis: Sequence[Kpi], month: str) -> str:
    rows = [row for months in by_model(kpis).values() for row in months if row.month == month and row.idle_hours]
    return max(rows, key=lambda row: row.idle_hours).model if rows else ""
