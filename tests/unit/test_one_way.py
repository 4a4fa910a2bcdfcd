"""Data flows one way: the planning rooms never load the CDK, boto3 or Node, and importing greensage loads nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import greensage

PACKAGE = Path(greensage.__file__).parent
PLANNING = (
    "spec",
    "catalog",
    "planner",
    "footprint",
    "report",
    "errors.py",
    "text.py",
    "commands/plan_output.py",
    "commands/changes.py",
    "cli.py",
)
READS_AWS = PACKAGE / "catalog/refresh.py"  # `greensage catalog refresh`: the one file here that asks AWS
FORBIDDEN = {"aws_cdk", "boto3", "botocore", "jsii", "constructs"}


def planning_files() -> list[Path]:
    return [
        path
        for name in PLANNING
        for path in ([PACKAGE / name] if name.endswith(".py") else sorted((PACKAGE / name).rglob("*.py")))
        if path != READS_AWS
    ]


@pytest.mark.parametrize("path", planning_files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_planning_room_imports_nothing_from_the_right(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            imported.add(node.module.split(".")[0])
    assert not imported & FORBIDDEN


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.split())


def test_planning_loads_neither_cdk_nor_boto3():
    code = "import greensage; greensage.plan; greensage.load_specs; greensage.ModelSpec; import greensage.commands.plan_output, greensage.cli, greensage.report"
    assert not loaded_by(code) & FORBIDDEN


def test_importing_greensage_loads_no_third_party_package():
    assert not loaded_by("import greensage") & (FORBIDDEN | {"pydantic", "yaml"})


def test_pypis_constructs_is_not_shadowed():
    import constructs

    assert hasattr(constructs, "Construct")
    assert not (PACKAGE.parent / "__init__.py").exists()


def test_every_public_name_resolves_and_the_list_is_whole():
    assert all(getattr(greensage, name) is not None for name in greensage.__all__)
    assert set(greensage.__all__) == set(greensage._HOME)
    with pytest.raises(AttributeError):
        greensage.does_not_exist  # noqa: B018
