"""The command line: `greensage COMMAND`. Each command is a room of `commands/`; errors are rendered here."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .commands import (
    baseline,
    carbon,
    catalog,
    check,
    clean,
    completion,
    diff,
    drift,
    footprint,
    init,
    invoke,
    kpi,
    local,
    logs,
    optimize,
    package,
    plan,
    preflight,
    recommend,
    regions,
    report,
    rightsize,
    schema,
    status,
    why,
)
from .errors import GreensageError, ProblemsError, render

_EXAMPLES = """examples:
  greensage init my-models             a project that deploys, with one model that answers
  greensage package booster.ubj        an archive of your own model, and its YAML
  greensage plan                       what would be deployed for models/*.yaml, and what it takes
  greensage why churn serverless       why not serverless
  greensage regions churn              which Region, and what data residency costs in carbon
  greensage diff main HEAD             what a change does to carbon and cost
  greensage report -o report.html      one page for your lead
  greensage check cdk.out              sustainability checks of any CDK app or template
  greensage baseline train.csv -o model.statistics.json  what requests are compared with
  greensage optimize churn --sample rows.csv  a smaller, faster model that answers the same
  greensage preflight                  what would stop the deployment, before it begins
  greensage invoke churn row.csv       ask a deployed model
  greensage logs churn --follow        what its container writes
  greensage status                     what is deployed, and whether it is well
  greensage drift churn                what drifts, since when, and what to do about it
  greensage footprint --live           what it took, from CloudWatch, and where the plan was wrong
  greensage rightsize                  smaller sizes and better kinds, by what was used
  greensage recommend churn            measure it on instance types, and pick by SLA, then carbon
  greensage kpi                        what each model took per 1,000 inferences, by month
  greensage catalog show eu-north-1    any figure down to its source
  greensage clean                      what nothing uses any more
  greensage carbon > estimate.csv      the estimate in the columns of AWS's carbon export
  greensage schema > model.schema.json for your editor
  greensage completion bash >> ~/.bashrc  commands and options by the TAB key
  greensage local up                   start the local cloud
  eval "$(greensage local env)"        point the AWS CLI, SDKs and the CDK at it
  greensage local down                 stop it and everything it started
"""
USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 where a check says no, or 2 for what the user can mend (never a traceback for that)."""
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        # Whoever asks for nothing wants to know what there is.
        parser.print_help()
        return 0
    options = parser.parse_args(arguments)
    try:
        code = options.run(options)
        # Here, so that a closed pipe is noticed now and not at exit, with a traceback.
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `| head` closed the pipe: nobody reads the rest.
        # Python flushes standard output once more at exit; this gives it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A file that cannot be read or written is the user's to mend, whichever command met it.
        print(f"greensage: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return USER_ERROR
    except GreensageError as error:
        print(render(error) if isinstance(error, ProblemsError) else f"greensage: {error}", file=sys.stderr)
        return USER_ERROR


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"greensage {version('greensage')}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="greensage", description="Sustainable-by-default inference on Amazon SageMaker.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        init, package, plan, why, regions, diff, preflight, report, check, baseline, optimize, invoke, logs, status, drift,
        footprint, rightsize, recommend, kpi, clean, carbon, catalog, schema, local, completion,
    ):  # fmt: skip
        command.add(commands)
    parser.set_defaults(parser=parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
