"""For test reports: JUnit's XML, a suite per file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from xml.etree import ElementTree

from ..finding import Finding
from ..labels import place_label, saving_label
from ..run import Report


def write(report: Report) -> str:
    """Return the report; what is unknown is skipped, what cannot be read is an error, a file without findings passes."""
    suites: dict[str, list[Finding]] = defaultdict(list)
    for file in report.files:
        suites[file] = []
    for item in [*report.findings, *report.unknown]:
        suites[item.place.file].append(item)
    root = ElementTree.Element("testsuites", name="greensage check")
    for file, findings in suites.items():
        _suite(root, file, findings)
    if report.problems:
        suite = ElementTree.SubElement(
            root, "testsuite", name="files", tests=str(len(report.problems)), errors=str(len(report.problems))
        )
        for text in report.problems:
            case = ElementTree.SubElement(suite, "testcase", name=text.split(":")[0], classname="greensage.check")
            ElementTree.SubElement(case, "error", message=text)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _suite(root: ElementTree.Element, file: str, findings: Iterable[Finding]) -> None:
    rows = list(findings)
    failures = sum(item.status == "fail" for item in rows)
    suite = ElementTree.SubElement(
        root, "testsuite", name=file, tests=str(max(1, len(rows))), failures=str(failures), skipped=str(len(rows) - failures)
    )
    if not rows:
        ElementTree.SubElement(suite, "testcase", name="no findings", classname=file)
    for item in rows:
        case = ElementTree.SubElement(suite, "testcase", name=f"{item.rule} {place_label(item)}", classname=file)
        if item.status == "fail":
            failure = ElementTree.SubElement(case, "failure", message=item.message, type=item.severity)
            failure.text = f"{item.title}\n{item.message}\nsaves {saving_label(item.saves)}"
        else:
            ElementTree.SubElement(case, "skipped", message=item.message)
