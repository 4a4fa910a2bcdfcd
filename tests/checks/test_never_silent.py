"""Nothing checked is not green: loops, files of other tools, keys that are there twice, and what a failed synthesis left."""

from __future__ import annotations

import json

import pytest

from greensage.checks.foreach import Written
from greensage.checks.reading import parse
from greensage.cli import main

GROUP = "{Type: AWS::Logs::LogGroup, Properties: {LogGroupName: '/app/${Name}'}}"


def written(text: str) -> Written:
    return Written(parse(text, "t.yaml"))


def loop(collection: str, body: str = f"{{'Group&{{Name}}': {GROUP}}}", more: str = "") -> str:
    return f"{more}\nResources:\n  Fn::ForEach::Groups: [Name, {collection}, {body}]\n"


@pytest.mark.parametrize(
    ("collection", "more", "names"),
    [
        ("[a, b-c]", "", ["Groupa", "Groupbc"]),
        ("!Ref Names", "Parameters: {Names: {Type: CommaDelimitedList, Default: 'x, y'}}", ["Groupx", "Groupy"]),
        ("[!Ref One, z]", "Parameters: {One: {Type: String, Default: w}}", ["Groupw", "Groupz"]),
        ("!FindInMap [M, k, list]", "Mappings: {M: {k: {list: [p, q]}}}", ["Groupp", "Groupq"]),
    ],
)
def test_loops_over_what_the_template_says_are_written_out(collection, more, names):
    made = written(loop(collection, more=more))
    assert list(made.raw["Resources"]) == names and made.unknown == []
    assert all(place == ("Resources", "Fn::ForEach::Groups", 2, "Group&{Name}") for place in made.origins.values())
    assert made.raw["Resources"][names[0]]["Properties"]["LogGroupName"].startswith("/app/")


def test_loops_in_loops_and_in_properties():
    text = """
Resources:
  Fn::ForEach::Outer:
    - A
    - [x, y]
    - Fn::ForEach::Inner:
        - B
        - ['1', '2']
        - 'Bucket${A}${B}':
            Type: AWS::S3::Bucket
            Properties: {Tags: [{Key: !Ref A, Value: !Ref B}], 'Fn::ForEach::P': [P, [BucketName], {'${P}': 'n-${A}'}]}
"""
    rows = written(text).raw["Resources"]
    assert list(rows) == ["Bucketx1", "Bucketx2", "Buckety1", "Buckety2"]
    assert rows["Buckety2"]["Properties"] == {"Tags": [{"Key": "y", "Value": "2"}], "BucketName": "n-y"}


@pytest.mark.parametrize(
    "collection", ["!Ref Names", "!FindInMap [M, !Ref AWS::Region, list]", "!Split [',', a]", "{a: 1, b: 2}"]
)
def test_a_loop_over_what_only_the_deployment_knows_is_said(collection, tmp_path, capsys):
    text = loop(collection, more="Parameters: {Names: {Type: CommaDelimitedList}}") + f"  Own: {GROUP}\n"
    (tmp_path / "t.yaml").write_text(text)
    assert main(["check", str(tmp_path / "t.yaml")]) == 1
    assert "Fn::ForEach::Groups goes over what only the deployment knows; what it makes is not checked" in capsys.readouterr().err
    (tmp_path / "t.yaml").write_text(f"AWSTemplateFormatVersion: '2010-09-09'\n{loop(collection)}")
    assert main(["check", str(tmp_path / "t.yaml")]) == 2
    assert "nothing was checked" in capsys.readouterr().err


def test_what_a_loop_makes_is_found_where_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yaml").write_text(f"Resources:\n  Fn::ForEach::G:\n    - Name\n    - [a, b]\n    - 'L${{Name}}': {GROUP}\n")
    assert main(["check", "t.yaml"]) == 1
    out = capsys.readouterr().out
    assert out.count("\n  5:") == 2 and "La" in out and "Lb" in out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("serverless.yml", "service: a\nresources: {Resources: {B: {Type: AWS::S3::Bucket}}}", "serverless package"),
        ("plan.json", '{"format_version": "1.2", "planned_values": {}}', "a plan of Terraform"),
        ("main.tf", 'resource "aws_s3_bucket" "a" {}', "Terraform"),
        ("Pulumi.yaml", "name: a\nruntime: python", "Pulumi"),
        ("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\n", "Kubernetes"),
        ("cdk.json", '{"app": "python3 app.py"}', "cdk synth"),
    ],
)
def test_files_of_other_tools_are_told_with_what_to_do(name, content, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(content)
    for given in (name, "."):
        assert main(["check", given]) == 2
        out, err = capsys.readouterr()
        assert said in err and "Nothing was checked." in out
    (tmp_path / "t.yaml").write_text(f"Resources: {{L: {GROUP}}}")
    assert main(["check", "."]) == 1
    assert f"not checked: {name}" in capsys.readouterr().err


def test_an_empty_folder_is_not_green_unless_that_is_said(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert "nothing was checked" in capsys.readouterr().err
    assert main(["check", str(tmp_path), "--allow-empty"]) == 0


def test_what_a_failed_synthesis_left_is_said(tmp_path, capsys):
    (tmp_path / "cdk.out").mkdir()
    (tmp_path / "cdk.out/cdk.out").write_text('{"version": "48.0.0"}')
    assert main(["check", str(tmp_path / "cdk.out")]) == 2
    assert "a failed synthesis" in capsys.readouterr().err
    (tmp_path / "cdk.out/manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": {}}))
    assert main(["check", str(tmp_path / "cdk.out")]) == 2
    assert "nothing was checked" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("t.yaml", f"Resources:\n  G: {GROUP}\n  G: {GROUP}\n", 3),
        ("t.json", '{"Resources": {\n"G": {"Type": "AWS::Logs::LogGroup"},\n\n"G": {"Type": "AWS::Logs::LogGroup"}}}', 4),
        ("t.json", '{"Resources": {"G": {"Type": "AWS::Logs::LogGroup",\n"Type": "AWS::S3::Bucket"}}}', 2),
    ],
)
def test_a_key_that_is_there_twice_is_an_error_with_both_lines(name, text, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    assert main(["check", name]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"greensage: {name}:{line}: ") and "is there already in line" in err


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(encoding, tmp_path, capsys):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    (tmp_path / "t.yaml").write_bytes(mark + f"Resources: {{L: {GROUP}}}".encode(encoding))
    for given in ("t.yaml", "."):
        assert main(["check", str(tmp_path / given)]) == 1
        assert "GS-RET01" in capsys.readouterr().out
