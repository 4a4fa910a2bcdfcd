"""`greensage recommend`: a load test of a deployed model on instance types, with energy and carbon, and what to take."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import Commands
from .models import add_model_arguments, find_model, read_fleet
from .observe import say

if TYPE_CHECKING:
    from ..operate.recommend import Measured
    from ..planner import ModelPlan

EXAMPLES = """examples:
  greensage recommend churn               which types would be measured, and what that costs at most
  greensage recommend churn --yes         measure them (a default job: up to 45 minutes), show and remember
  greensage recommend churn --yes --json  for programs
The file needs `recommend: {sample: rows.csv}`, and its stack to be deployed. What was measured goes into
greensage-catalog/measured.json (or $GREENSAGE_CATALOG): from then on the planner reckons with it, unless the file states
traffic.cpu_ms_per_request. Exit code 1: no type keeps the SLA.
"""
_LOOK_SECONDS = 2.0


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "recommend", help="measure a model on instance types, and pick by SLA, then carbon", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("name", metavar="MODEL", help="a deployed model with `recommend` in its file")
    add_model_arguments(parser, positional=False)
    parser.add_argument("--parameters", metavar="ROOT", help="root of the SSM parameters (default: /greensage)")
    parser.add_argument("--yes", action="store_true", help="start it: it costs money")
    parser.add_argument("--no-remember", action="store_true", help="leave the catalog's overlay alone")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, show, remember."""
    from ..core.defaults import PARAMETERS_ROOT
    from ..errors import GreensageError
    from ..operate.recommend import measured_of, pick

    fleet = read_fleet(options)
    name = find_model(fleet, options.name)
    model = next(item for item in fleet.plan.models if item.name == name)
    if model.recommend is None:
        way = "add recommend: {sample: FILE} with the body of one request, and deploy"
        raise GreensageError(f"{name}: its file has no `recommend`; {way}")
    plan = model.recommend
    if not options.yes:
        types = ", ".join(plan.instance_types)
        print(f"{name}: a {plan.job} job on {types}, at most {plan.most_usd:.2f} USD and {plan.minutes:g} minutes.")
        print(f"Start it with: greensage recommend {name} --yes")
        return 0
    found = measured_of(_measure(model, options.parameters or PARAMETERS_ROOT), model)
    best = pick(found)
    if best is not None and not options.no_remember:
        _remember(model, best)
    if options.json:
        picked = best.instance_type if best else None
        print(json.dumps({"model": name, "pick": picked, "measured": [_json(item) for item in found]}, indent=2))
    else:
        print("\n".join(_lines(model, found, best)))
    return 0 if best else 1


def _measure(model: ModelPlan, root: str) -> list[dict[str, Any]]:
    """Start the state machine of the model's stack and return what it answers. Safe to interrupt: the run goes on, and its
    result can be had by starting again, or from the console."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from ..errors import GreensageError

    session: Any = boto3.Session()
    try:
        parameters = session.client("ssm", region_name=model.region)
        place = json.loads(parameters.get_parameter(Name=f"{root}/models/{model.name}")["Parameter"]["Value"])
        if "recommender" not in place:
            raise GreensageError(f"{model.name}: deployed without `recommend`; run npx cdk deploy {model.name}")
        machines = session.client("stepfunctions", region_name=model.region)
        execution = machines.start_execution(stateMachineArn=place["recommender"], input="{}")["executionArn"]
        began = told = time.monotonic()
        say(f"measuring: {execution}")
        while (row := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(_LOOK_SECONDS)
            if time.monotonic() - told >= 60:
                told = time.monotonic()
                say(f"{(told - began) / 60:.0f} minutes; Ctrl-C leaves it running")
    except (BotoCoreError, ClientError) as error:
        raise GreensageError(f"{model.name}: {error}") from None
    if row["status"] != "SUCCEEDED":
        why = f"{row.get('cause', '')} {row.get('error', '')}".strip()
        raise GreensageError(f"{model.name}: the run ended {row['status'].lower()}: {why}")
    return json.loads(row["output"])["recommendations"]


def _remember(model: ModelPlan, best: Measured) -> None:
    from ..catalog.measured import remember

    by = "the local cloud's load test on this machine" if best.local else "SageMaker Inference Recommender"
    path = remember(model.name, {
        "cpu_ms_per_request": float(f"{best.cpu_ms:.4g}"), "instance_type": best.instance_type,
        "requests_per_second": float(f"{best.rate:.4g}"), "model_latency_ms": best.latency_ms,
            "date": time.strftime("%Y-%m-%d", time.gmtime()), "by": by,
    })  # fmt: skip
    say(f"remembered in {path}")


def _lines(model: ModelPlan, found: list[Measured], best: Measured | None) -> list[str]:
    from ..text import money, number, table

    header = ("TYPE", "ms", "REQUESTS/s", "INSTANCES", "kWh", "gCO2e", "USD", "")
    rows = [
        (
            item.instance_type, number(item.latency_ms, 3), number(item.rate, 3), str(item.instances), number(item.energy_kwh),
            number(item.carbon_g), money(item.cost_usd), "least carbon" if item is best else item.why_not,
        )
        for item in found
    ]  # fmt: skip
    lines = [table([header, *rows], right=range(1, 7))]
    lines += ["A month of the file's load; latency and requests are measured, the rest is estimated.", ""]
    if any(item.local for item in found):
        lines.append("MEASURED ON THIS MACHINE by the local cloud, and scaled to the types: not on those instances.")
    if best is None:
        lines.append("None keeps the SLA: raise sla.latency_p95_ms, optimize the model, or name other types.")
    elif best.instance_type == model.instance_type:
        lines.append(f"{best.instance_type} is what is planned.")
    else:
        wanted = f"hosting: {{kind: {model.kind}, instance_type: {best.instance_type}}}"
        lines.append(f"Take it: {wanted} in the file, then cdk deploy.")
    return lines


def _json(item: Measured) -> dict[str, Any]:
    return {**asdict(item), "cpu_ms_per_request": item.cpu_ms}
