"""`greensage check PATH…`: sustainability checks of cloud assemblies, templates, folders, model files and accounts."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import Commands

if TYPE_CHECKING:
    from ..checks.config import Config
    from ..checks.rule import Rule
    from ..checks.run import Report

EXAMPLES = """examples:
  greensage check cdk.out                            what an app in any language synthesized
  greensage check template.yaml infra/               templates, JSON or YAML, and folders with them
  greensage check models                             our own model files
  greensage check cdk.out --format sarif -o out.sarif
  greensage check . --write-baseline known.json      adopt it in an old estate, then
  greensage check . --baseline known.json            only what is new
  greensage check infra --fix                        a patch of what one value fixes; --apply writes it
  greensage check --account --region eu-west-1       what is deployed already (reads only)
  greensage check --explain GS-ELA01                 why, with its source, and how to mend it
accept a finding, with a reason: a comment in YAML, `# greensage: ignore GS-RET01 until 2027-01-31: why`;
  Metadata {greensage: {suppress: [{rule, reason, until}]}}; an acknowledgement in the app; greensage-checks.yaml
exit status: 0; 1 where a finding is of --fail-on or worse; 2 where something cannot be read, the rest being checked
"""
FOUND, UNREADABLE = 1, 2
# People are told after a while that something is going on.
_PROGRESS_SECONDS = 2.0


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check", help="check CDK apps, templates or an account for sustainability", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a cloud assembly, a template, or a folder")
    parser.add_argument("--account", action="store_true", help="check what is deployed, with your AWS credentials")
    parser.add_argument("--format", default="text", choices=("text", "json", "sarif", "junit", "github"))
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    parser.add_argument("--fail-on", choices=("low", "medium", "high", "never"), help="exit with 1 from here on (default: low)")
    parser.add_argument("--only", action="append", default=[], metavar="RULE", help="only this rule or family: GS-SIL")
    parser.add_argument("--skip", action="append", default=[], metavar="RULE", help="not this rule or family")
    parser.add_argument("--region", help="of templates that no stack names one for; with --account, where to look")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: greensage-checks.yaml, if there is one")
    parser.add_argument("--rules", action="append", default=[], metavar="FILE", help="a Python file with rules of your own")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="findings that are known")
    parser.add_argument("--write-baseline", type=Path, metavar="FILE", help="note all of today's findings there")
    parser.add_argument("--pass-by-others", action="store_true", help="pass by files that are no templates (for pre-commit)")
    parser.add_argument("--allow-empty", action="store_true", help="nothing to check is fine")
    parser.add_argument("--unknown", action="store_true", help="show what only the deployment can tell")
    parser.add_argument("--fix", action="store_true", help="print a patch of what one value fixes")
    parser.add_argument("--apply", action="store_true", help="with --fix: write it")
    parser.add_argument("--list", action="store_true", help="list the rules")
    parser.add_argument("--explain", metavar="RULE", help="print the page of a rule")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check and report; 1 for findings, 2 for what could not be read."""
    from ..checks.config import selected
    from ..errors import CheckError

    config = _config(options)
    rules = selected(config)
    if options.list or options.explain:
        return _tell(options, rules)
    if not options.paths and not options.account:
        raise CheckError("nothing to check: name a path, for instance cdk.out, or --account")
    if options.apply and not options.fix:
        raise CheckError("--apply goes with --fix")
    report = _report(options, rules, config)
    for text in report.problems:
        print(f"greensage: {text}", file=sys.stderr)
    for text in report.notes:
        print(f"greensage: not checked: {text}", file=sys.stderr)
    if options.write_baseline:
        return _write_baseline(options, report)
    if options.fix:
        return _fix(options, report)
    _print(options, report)
    failing = report.failing(options.fail_on or config.fail_on)
    # What was not read may hold findings too, so it outranks those that were found.
    return UNREADABLE if report.problems else FOUND if failing else 0


def _config(options: argparse.Namespace) -> Config:
    from ..checks.config import read_config

    config = read_config(options.config)
    selection = config.rules.model_copy(
        update={"only": (*config.rules.only, *options.only), "skip": (*config.rules.skip, *options.skip)}
    )
    update = {"rules": selection, "plugins": (*config.plugins, *options.rules), "region": options.region or config.region}
    return config.model_copy(update=update)


def _report(options: argparse.Namespace, rules: tuple[Rule, ...], config: Config) -> Report:
    from ..checks.baseline import read_baseline
    from ..checks.run import check

    known = read_baseline(options.baseline) if options.baseline else frozenset[str]()
    if options.account:
        from ..checks.account import check_account

        return check_account(rules, config, options.region, baseline=known, progress=_Progress())
    file = str(options.config or "greensage-checks.yaml")
    return check(
        options.paths, rules, config, config_file=file, baseline=known, progress=_Progress(), others=not options.pass_by_others,
        may_be_empty=options.allow_empty,
    )  # fmt: skip


class _Progress:
    """Says what is being read, once it takes long, where a person looks."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()

    def __call__(self, shown: str) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._said > _PROGRESS_SECONDS:
            self._said = now
            print(f"greensage: {now - self._started:.0f} s, at {shown}", file=sys.stderr)


def _print(options: argparse.Namespace, report: Report) -> None:
    from ..checks.formats import FORMATS
    from ..checks.formats.text import write

    text = write(report, unknown=options.unknown) if options.format == "text" else FORMATS[options.format](report)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(f"{text}\n", encoding="utf-8")
    elif text:
        print(text)


def _write_baseline(options: argparse.Namespace, report: Report) -> int:
    from ..checks.baseline import write_baseline

    count = write_baseline(options.write_baseline, report.findings)
    print(f"{count} findings noted in {options.write_baseline}; greensage check --baseline shows only new ones")
    return UNREADABLE if report.problems else 0


def _fix(options: argparse.Namespace, report: Report) -> int:
    """Print the patch; with --apply, write it. What the CDK made is mended in the app, not in its output."""
    from ..checks.fix import mended, patch
    from ..checks.reading import read_text

    count = generated = 0
    for shown, path in report.files.items():
        findings = [item for item in report.findings if item.place.file == shown and item.fix is not None]
        # The next synthesis would write over a patch of its own output.
        if any(item.place.construct for item in findings):
            generated += len(findings)
            continue
        if not findings:
            continue
        before = read_text(path, shown)
        after, done = mended(before, findings)
        count += len(done)
        print(patch(before, after, shown), end="")
        if options.apply:
            path.write_text(after, encoding="utf-8")
    words = "mended" if options.apply else "would be mended; --apply writes the patch"
    # Standard output holds the patch alone, so that it can be saved or piped.
    print(f"{count} of {len(report.findings)} findings {words}", file=sys.stderr)
    if generated:
        print(
            f"{generated} more stand in what the CDK made: mend them in the app (greensage check --explain RULE)", file=sys.stderr
        )
    return UNREADABLE if report.problems else 0


def _tell(options: argparse.Namespace, rules: tuple[Rule, ...]) -> int:
    from ..checks.config import MODEL_FILE_RULES
    from ..checks.pages import markdown
    from ..errors import CheckError
    from ..text import table

    if options.list:
        rows = [(rule.id, rule.title) for rule in rules]
        print(table([("RULE", "WHAT IT ASKS FOR"), *rows, *MODEL_FILE_RULES.items()]))
        return 0
    found = next((rule for rule in rules if rule.id == options.explain), None)
    if found is None:
        raise CheckError(f"there is no rule {options.explain} (greensage check --list)")
    print(markdown(found))
    return 0
