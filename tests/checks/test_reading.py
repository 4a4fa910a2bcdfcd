"""Files that nobody vouches for: each broken one gives one clear line, and the others are still checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from greensage.checks.reading import read_template
from greensage.checks.sam import as_cloudformation
from greensage.cli import main
from greensage.errors import CheckError

GOOD = "Resources: {L: {Type: 'AWS::Logs::LogGroup'}}\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{n}: &{n} [{','.join('*' + p for _ in range(9))}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
)

BROKEN = {
    "truncated.json": (b'{"Resources": {"L": {"Type": "AWS::Logs::LogGroup"', "broken JSON"),
    "broken.yaml": (b"Resources:\n  L: {Type: 'AWS::Logs::LogGroup'\n", "broken YAML"),
    "bomb.yaml": (f"Resources: {{L: {{Type: 'AWS::Logs::LogGroup'}}}}\n{BOMB}".encode(), "anchors expand"),
    "cycle.yaml": (b"Resources: {L: {Type: 'AWS::Logs::LogGroup', Properties: &p {Tags: [*p]}}}\n", "contains itself"),
    "binary.json": (b'{"Resources": "AWS::' + bytes(200), "binary"),
    "latin.yaml": ("Resources: {L: {Type: 'AWS::Logs::LogGroup'}} # gr\u00fcn".encode("latin-1"), "UTF-8"),
    "deep.json": (
        b'{"Resources": {"L": {"Type": "AWS::Logs::LogGroup", "Properties": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}}",
        "nested too deep",
    ),
    "deep.yaml": (b"Resources: {L: {Type: 'AWS::Logs::LogGroup', P: " + b"[" * 5_000 + b"]" * 5_000 + b"}}", "nested too deep"),
    "large.json": (
        b'{"Resources": {"L": {"Type": "AWS::Logs::LogGroup"}}, "Description": "' + b"x" * 50_000_000 + b'"}',
        "too large",
    ),
    "several.yaml": (b"Resources: {L: {Type: 'AWS::Logs::LogGroup'}}\n---\na: 1\n", "broken YAML"),
    "digits.json": (
        b'{"Resources": {"L": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": ' + b"9" * 5_000 + b"}}}}",
        "digits",
    ),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gives_one_line_and_the_others_are_checked(name, folder, capsys):
    content, words = BROKEN[name]
    (folder / name).write_bytes(content)
    assert main(["check", "."]) == 2
    out, err = capsys.readouterr()
    lines = err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"greensage: {name}") and words in lines[0]
    assert "good.yaml" in out and "GS-RET01" in out


@pytest.mark.parametrize("name", BROKEN)
def test_named_alone_it_is_refused_in_the_same_words(name, folder, capsys):
    content, words = BROKEN[name]
    (folder / name).write_bytes(content)
    assert main(["check", name]) == 2
    assert words in capsys.readouterr().err


def test_links_that_lead_out_are_not_followed(folder, tmp_path_factory, capsys):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.yaml").write_text(GOOD)
    (folder / "link.yaml").symlink_to(outside / "secret.yaml")
    (folder / "folder").symlink_to(outside)
    (folder / "self").symlink_to(folder)
    assert main(["check", "."]) == 2
    out, err = capsys.readouterr()
    assert "secret" not in out and err.count("leads out") == 2


def test_links_within_are_fine(folder, capsys):
    (folder / "again.yaml").symlink_to(folder / "good.yaml")
    assert main(["check", "."]) == 1
    assert "again.yaml" in capsys.readouterr().out


def test_other_files_of_a_folder_are_passed_by(folder, capsys):
    (folder / "package.json").write_text('{"name": "x"}')
    (folder / "event.json").write_text(json.dumps({"Resources": ["AWS::S3::Bucket"]}))
    (folder / "tsconfig.json").write_text("{ // a comment\n}")
    (folder / "values.yaml").write_text("{{ template }}")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "t.yaml").write_text(GOOD)
    assert main(["check", "."]) == 1
    out, err = capsys.readouterr()
    assert err == "" and "in 1 file" in out


def test_what_is_not_there_is_said(folder, capsys):
    assert main(["check", "nothing.yaml"]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert main(["check"]) == 2
    assert "nothing to check" in capsys.readouterr().err


def test_a_file_that_may_not_be_read_is_said(folder, capsys):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (folder / "good.yaml").chmod(0)
    assert main(["check", "."]) == 2


def test_a_manifest_may_not_lead_out(folder, capsys):
    (folder.parent / "outside.template.json").write_text('{"Resources": {"L": {"Type": "AWS::Logs::LogGroup"}}}')
    assembly = folder / "cdk.out"
    assembly.mkdir()
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://1/eu-west-1",
        "properties": {"templateFile": "../../outside.template.json"},
    }
    (assembly / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": {"S": stack}}))
    assert main(["check", "cdk.out"]) == 2
    assert "leads out of the cloud assembly" in capsys.readouterr().err


def test_an_assembly_that_contains_itself_ends(folder, capsys):
    assembly = folder / "cdk.out"
    assembly.mkdir()
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}
    (assembly / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": {"Again": nested}}))
    assert main(["check", "cdk.out"]) == 2
    assert "no manifest" in capsys.readouterr().err


class TestYaml:
    def read(self, tmp_path, text):
        (tmp_path / "t.yaml").write_text(text)
        return read_template(tmp_path / "t.yaml", "t.yaml")

    def test_short_forms(self, tmp_path):
        raw = self.read(
            tmp_path, "Resources: {A: {Type: T, P: [!Ref X, !GetAtt a.b.c, !Sub '${x}', !If [c, 1, 2], !Condition c]}}"
        )
        assert raw["Resources"]["A"]["P"] == [
            {"Ref": "X"}, {"Fn::GetAtt": ["a", "b.c"]}, {"Fn::Sub": "${x}"}, {"Fn::If": ["c", 1, 2]}, {"Condition": "c"},
        ]  # fmt: skip

    def test_dates_stay_text_and_keys_stay_text(self, tmp_path):
        raw = self.read(tmp_path, "AWSTemplateFormatVersion: 2010-09-09\nResources: {A: {Type: T, 012: yes}}")
        assert raw["AWSTemplateFormatVersion"] == "2010-09-09" and raw["Resources"]["A"]["012"] is True

    def test_anchors_and_merges(self, tmp_path):
        raw = self.read(tmp_path, "X: &x {a: 1, b: 2}\nResources: {A: {Type: T, P: {<<: *x, b: 3}}}")
        assert raw["Resources"]["A"]["P"] == {"a": 1, "b": 3}

    def test_sam_functions_get_the_globals(self, tmp_path):
        text = "Globals: {Function: {Architectures: [arm64], Runtime: python3.13}}\nResources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs22.x}}}"
        row = as_cloudformation(self.read(tmp_path, text))["Resources"]["F"]
        assert row["Type"] == "AWS::Lambda::Function" and row["Properties"] == {
            "Architectures": ["arm64"],
            "Runtime": "nodejs22.x",
        }

    def test_no_template(self, tmp_path):
        for text in ("", "[]", "a: 1", "Resources: 3"):
            with pytest.raises(CheckError, match="no CloudFormation template"):
                self.read(tmp_path, text)


def test_reading_loads_no_cdk_and_no_boto3(tmp_path):
    (tmp_path / "t.yaml").write_text(GOOD)
    code = f"import sys; from greensage.cli import main; main(['check', r'{tmp_path}']); print(*{{n.split('.')[0] for n in sys.modules}}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not {"aws_cdk", "jsii", "boto3", "botocore", "constructs"} & set(done.stderr.split())
