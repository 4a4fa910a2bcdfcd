"""`greensage check`: formats, exit status, selection, acceptances, baseline and fixes, as a user runs it."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import date
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from greensage.checks import run as run_module
from greensage.cli import main

LOGS = """\
# An app's logs.
Resources:
  Logs:
    Type: AWS::Logs::LogGroup
  Volume:  # made by hand
    Type: AWS::EC2::Volume
    Properties:
      AvailabilityZone: eu-north-1a
      Size: 100   # GB
      VolumeType: gp2
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.yaml").write_text(LOGS)
    return tmp_path


def output(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["check", *arguments])
    return code, *capsys.readouterr()


def rules(text: str) -> set[str]:
    return set(re.findall(r"GS-[A-Z]+\d+", text))


class TestText:
    def test_says_where_what_and_how_much_with_a_band(self, here, capsys):
        code, out, err = output(capsys, "app.yaml")
        assert code == 1 and err == ""
        assert re.search(
            r"3:3 +low +GS-RET01  Logs\n +keeps its logs for ever\n +saves about .* kWh, .* gCO2e \(.* to .*\), .* USD a month",
            out,
        )
        assert "10:7" in out and "2 findings (2 low) in 1 file with 2 resources" in out and "Estimates" in out

    def test_nothing_found_is_said(self, here, capsys):
        (here / "app.yaml").write_text("Resources: {L: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 14}}}")
        assert output(capsys, ".")[:2] == (0, "No findings in 1 file with 1 resource.\n")

    def test_unknown_is_counted_and_shown_on_request(self, here, capsys):
        (here / "app.yaml").write_text(
            "Parameters: {D: {Type: Number}}\nResources: {L: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: !Ref D}}}"
        )
        code, out, _ = output(capsys, ".")
        assert code == 0 and "1 unknown" in out
        assert "the parameter D has no default" in output(capsys, ".", "--unknown")[1]


class TestExitStatus:
    def test_by_severity(self, here, capsys):
        assert output(capsys, ".", "--fail-on", "medium")[0] == 0
        assert output(capsys, ".", "--fail-on", "low")[0] == 1
        assert output(capsys, ".", "--fail-on", "never")[0] == 0

    def test_the_configuration_may_say(self, here, capsys):
        (here / "greensage-checks.yaml").write_text("fail_on: high\n")
        assert output(capsys, ".")[0] == 0


class TestSelection:
    def test_only_and_skip_rules_and_families(self, here, capsys):
        assert rules(output(capsys, ".", "--only", "GS-RET")[1]) == {"GS-RET01"}
        assert rules(output(capsys, ".", "--skip", "GS-RET01")[1]) == {"GS-SIZ03"}

    def test_a_rule_that_is_not_there_is_refused_with_the_nearest(self, here, capsys):
        code, _, err = output(capsys, ".", "--skip", "GS-RET1")
        assert code == 2 and "there is no rule GS-RET1; did you mean GS-RET0" in err

    def test_parameters(self, here, capsys):
        (here / "app.yaml").write_text("Resources: {L: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 90}}}")
        (here / "c.yaml").write_text("parameters: {GS-RET02: {max_days: 60}}\n")
        assert output(capsys, "app.yaml", "--config", "c.yaml")[0] == 1

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("parameters: {GS-RET02: {max_dys: 60}}", "GS-RET02 has no parameter max_dys; it has max_days"),
            ("parameters: {GS-RET02: {max_days: many}}", "give it a number, as in 400"),
            ("parameters: {GS-RET99: {}}", "there is no rule GS-RET99"),
            ("fail_on: sometimes", "fail_on"),
            ("surprise: 1", "surprise"),
            ("suppress: [{rule: GS-RET01}]", "needs a reason"),
            ("suppress: [{rule: GS-RET01, reason: no}]", "needs a reason"),
            ("suppress: [{rule: GS-RET01, reason: because of the law, until: soon}]", "until"),
            ("plugins: [missing.py]", "no Python file"),
            ("a: [", "broken YAML"),
        ],
    )
    def test_a_wrong_configuration_is_one_line(self, here, capsys, text, words):
        (here / "greensage-checks.yaml").write_text(text)
        code, out, err = output(capsys, "app.yaml")
        assert code == 2 and out == "" and words in err and len(err.strip().splitlines()) == 1

    def test_rules_of_ones_own(self, here, capsys):
        (here / "own.py").write_text(
            "from greensage.checks import rule\n\n"
            '@rule("ACME-1", "Volumes are small", "AWS::EC2::Volume")\n'
            "def small(volume, *, max_gb=50):\n"
            '    """Say so."""\n'
            '    if (volume.number("Size") or 0) > max_gb:\n'
            '        yield volume.fails(f"is larger than {max_gb} GB", "Size")\n'
        )
        out = output(capsys, ".", "--rules", "own.py", "--only", "ACME-1")[1]
        assert "ACME-1" in out and "is larger than 50 GB" in out
        assert "9:7" in out

    def test_a_broken_file_of_rules_is_one_line(self, here, capsys):
        (here / "own.py").write_text("1/0")
        assert output(capsys, ".", "--rules", "own.py")[2] == "greensage: own.py: ZeroDivisionError: division by zero\n"


class TestFormats:
    def test_json_has_figures_as_bands(self, here, capsys):
        found = json.loads(output(capsys, ".", "--json")[1])
        first = next(item for item in found["findings"] if item["rule"] == "GS-RET01")
        assert first["line"] == 3 and first["severity"] == "low" and first["fixable"]
        assert set(first["saves"]) == {"energy_kwh", "carbon_g", "cost_usd"}
        assert first["saves"]["carbon_g"]["low"] < first["saves"]["carbon_g"]["high"]

    def test_sarif(self, here, capsys):
        (here / "bad.json").write_text('{"Resources": "AWS::')
        code, out, _ = output(capsys, ".", "--format", "sarif")
        log = json.loads(out)
        (run,) = log["runs"]
        assert code == 2 and log["version"] == "2.1.0"
        described = run["tool"]["driver"]["rules"]
        assert all(item["shortDescription"]["text"] and item["help"]["markdown"] for item in described)
        for result in run["results"]:
            assert described[result["ruleIndex"]]["id"] == result["ruleId"]
            region = result["locations"][0]["physicalLocation"]["region"]
            assert region["startLine"] >= 1 and result["partialFingerprints"]["greensage/v1"]
        assert run["invocations"][0]["executionSuccessful"] is False
        assert "bad.json" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]

    def test_sarif_has_accepted_findings_as_suppressed(self, here, capsys):
        (here / "greensage-checks.yaml").write_text("suppress: [{rule: GS-RET01, reason: the auditors want them}]")
        results = json.loads(output(capsys, "app.yaml", "--format", "sarif")[1])["runs"][0]["results"]
        assert [row["suppressions"][0]["justification"] for row in results if "suppressions" in row] == ["the auditors want them"]

    def test_junit(self, here, capsys):
        (here / "fine.yaml").write_text("Resources: {L: {Type: 'AWS::Logs::LogGroup', Properties: {RetentionInDays: 14}}}")
        root = ElementTree.fromstring(output(capsys, ".", "--format", "junit")[1].encode())
        suites = {suite.get("name"): suite for suite in root}
        assert suites["app.yaml"].get("failures") == "2" and suites["fine.yaml"].get("failures") == "0"

    def test_github_annotations(self, here, capsys):
        out = output(capsys, ".", "--format", "github")[1]
        assert "::notice file=app.yaml,line=3,col=3,title=GS-RET01 Log groups have an end::Logs: keeps its logs for ever" in out

    def test_to_a_file(self, here, capsys):
        assert output(capsys, ".", "--format", "sarif", "-o", "out.sarif")[1] == ""
        assert json.loads((here / "out.sarif").read_text())["runs"]


class TestAccepted:
    def test_a_comment_with_a_reason(self, here, capsys):
        (here / "app.yaml").write_text(
            LOGS.replace("  Logs:\n", "  # greensage: ignore GS-RET01: the auditors want them\n  Logs:\n")
        )
        _, out, _ = output(capsys, ".")
        assert rules(out) == {"GS-SIZ03"} and "1 accepted" in out

    def test_a_comment_inside_the_resource(self, here, capsys):
        (here / "app.yaml").write_text(
            LOGS.replace("VolumeType: gp2", "VolumeType: gp2  # greensage: ignore GS-SIZ03 -- measured, see T-12")
        )
        assert rules(output(capsys, ".")[1]) == {"GS-RET01"}

    def test_a_comment_without_a_reason_is_refused(self, here, capsys):
        (here / "app.yaml").write_text(LOGS.replace("  Logs:\n", "  # greensage: ignore GS-RET01\n  Logs:\n"))
        code, _, err = output(capsys, ".")
        assert code == 2 and "app.yaml:3: needs a reason" in err

    def test_a_comment_about_nothing_is_reported(self, here, capsys):
        (here / "app.yaml").write_text(LOGS.replace("  Volume:", "  # greensage: ignore GS-RET01: wrong place\n  Volume:"))
        assert "GS-ACK01" in output(capsys, ".")[1]

    def test_it_expires(self, here, capsys, monkeypatch):
        text = LOGS.replace("  Logs:\n", "  # greensage: ignore GS-RET01 until 2027-01-31: until we move\n  Logs:\n")
        (here / "app.yaml").write_text(text)
        monkeypatch.setattr(run_module, "today", lambda: date(2027, 1, 31))
        assert "GS-RET01" not in output(capsys, ".")[1]
        monkeypatch.setattr(run_module, "today", lambda: date(2027, 2, 1))
        assert "accepted until 2027-01-31, which has passed: until we move" in output(capsys, ".")[1]

    def test_metadata_of_a_resource(self, here, capsys):
        raw = {
            "Resources": {
                "L": {
                    "Type": "AWS::Logs::LogGroup",
                    "Metadata": {"greensage": {"suppress": [{"rule": "GS-RET01", "reason": "the auditors"}]}},
                }
            }
        }
        (here / "app.yaml").unlink()
        (here / "t.json").write_text(json.dumps(raw))
        assert output(capsys, ".")[0] == 0
        del raw["Resources"]["L"]["Metadata"]["greensage"]["suppress"][0]["reason"]
        (here / "t.json").write_text(json.dumps(raw))
        assert "needs rule and reason" in output(capsys, ".")[2]

    def test_the_configuration_by_file_and_resource(self, here, capsys):
        (here / "greensage-checks.yaml").write_text(
            "suppress: [{rule: GS-RET, file: 'app*', resource: 'Lo*', reason: the auditors want them}]"
        )
        assert rules(output(capsys, "app.yaml")[1]) == {"GS-SIZ03"}

    def test_one_of_a_rule_that_did_not_run_is_not_reported(self, here, capsys):
        (here / "greensage-checks.yaml").write_text("suppress: [{rule: GS-ELA01, reason: for the other app}]")
        assert "GS-ACK01" in output(capsys, "app.yaml")[1]
        assert "GS-ACK01" not in output(capsys, "app.yaml", "--only", "GS-RET")[1]


class TestBaseline:
    def test_old_findings_are_known_new_ones_are_not(self, here, capsys):
        assert output(capsys, ".", "--write-baseline", "known.json")[0] == 0
        assert output(capsys, ".", "--baseline", "known.json")[0] == 0
        (here / "app.yaml").write_text("# moved down\n" + LOGS + "  More:\n    Type: AWS::Logs::LogGroup\n")
        code, out, _ = output(capsys, ".", "--baseline", "known.json")
        assert code == 1 and "More" in out and "1 finding " in out and "2 accepted" in out

    def test_a_missing_or_other_file_is_one_line(self, here, capsys):
        assert "--write-baseline" in output(capsys, ".", "--baseline", "none.json")[2]
        (here / "other.json").write_text("[]")
        assert "no baseline" in output(capsys, "app.yaml", "--baseline", "other.json")[2]


class TestFix:
    def test_a_patch_first_then_the_file_with_its_comments(self, here, capsys):
        code, out, err = output(capsys, ".", "--fix")
        assert code == 0 and "-      VolumeType: gp2\n+      VolumeType: gp3" in out and "--apply" in err
        assert (here / "app.yaml").read_text() == LOGS
        (here / "fix.patch").write_text(out)
        subprocess.run(["git", "apply", "--check", "fix.patch"], check=True)
        assert output(capsys, "app.yaml", "--fix", "--apply")[0] == 0
        mended = (here / "app.yaml").read_text()
        assert "# made by hand" in mended and "Size: 100   # GB" in mended
        assert output(capsys, "app.yaml")[0] == 0

    FIXABLE: ClassVar = {
        "logs.json": '{\n  "Resources": {\n    "L": {\n      "Type": "AWS::Logs::LogGroup",\n      "Properties": {\n        "LogGroupName": "x"\n      }\n    }\n  }\n}\n',
        "bare.json": '{"Resources": {"L": {"Type": "AWS::Logs::LogGroup"}, "R": {"Type": "AWS::ECR::Repository"}}}',
        "bucket.yaml": "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      LifecycleConfiguration:\n        Rules:\n          - Status: Enabled\n            ExpirationInDays: 3\n\n# the end\n",
        "bucket.json": '{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Rules": [\n  {"Status": "Enabled", "ExpirationInDays": 3}\n]}}}}}',
        "flow.yaml": "Resources: {R: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: x}}}\n",
        "repository.yaml": "Resources:\n  R:\n    Type: AWS::ECR::Repository\n    # why\n    Properties:\n      RepositoryName: x\n",
        "template.yaml": "Resources:\n  T:\n    Type: AWS::EC2::LaunchTemplate\n    Properties:\n      LaunchTemplateData:\n        BlockDeviceMappings:\n        - DeviceName: /dev/xvda\n          Ebs: {VolumeType: gp2, VolumeSize: 8}\n",
        "emr.yaml": "Resources:\n  A:\n    Type: AWS::EMRServerless::Application\n    Properties:\n      ReleaseLabel: emr-7.5.0\n      Type: SPARK\n",
    }  # fmt: skip

    @pytest.mark.parametrize("name", FIXABLE)
    def test_what_is_mended_is_found_no_more(self, name, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / name).write_text(self.FIXABLE[name])
        before = {item["rule"] for item in json.loads(output(capsys, name, "--json")[1])["findings"] if item["fixable"]}
        assert before
        for _ in range(2):
            assert output(capsys, name, "--fix", "--apply")[0] == 0
        after = {item["rule"] for item in json.loads(output(capsys, name, "--json")[1])["findings"]}
        assert not before & after
        assert "# why" not in self.FIXABLE[name] or "# why" in (tmp_path / name).read_text()

    def test_apply_without_fix_is_refused(self, here, capsys):
        assert "--apply goes with --fix" in output(capsys, ".", "--apply")[2]


SPEC = """\
name: eager
model:
  artifact: s3://bucket-of-tests/eager/model.tar.gz
  framework: xgboost
  size_mb: 1
sla: {latency_p95_ms: 6000}
traffic: {requests_per_day: 300, pattern: intermittent}
region: {allowed: [eu-west-1]}
hosting: real-time   # as always
sharing: never
retention: {logs_days: 731}
"""


class TestSpecs:
    def test_our_own_files_are_checked_and_mended(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "eager.yaml").write_text(SPEC)
        code, out, _ = output(capsys, ".")
        assert code == 1 and "asks for real-time; auto is serverless on" in out
        assert rules(out) == {"GS-SPC01", "GS-SPC03", "GS-SPC04"}
        assert "+hosting: auto   # as always" in output(capsys, ".", "--fix", "--apply")[1]
        assert output(capsys, ".")[0] == 0

    def test_they_can_be_selected_like_the_others(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "eager.yaml").write_text(SPEC)
        assert output(capsys, ".", "--only", "GS-RET")[0] == 0
        assert rules(output(capsys, ".", "--only", "GS-SPC01")[1]) == {"GS-SPC01"}
        assert rules(output(capsys, ".", "--skip", "GS-SPC03")[1]) == {"GS-SPC01", "GS-SPC04"}

    def test_a_broken_one_is_a_problem_in_one_line(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "eager.yaml").write_text(SPEC + "surprise: 1\n")
        code, _, err = output(capsys, ".")
        assert code == 2 and "surprise" in err and len(err.strip().splitlines()) == 1


class TestTold:
    def test_the_list_and_the_page_of_a_rule(self, capsys):
        code, out, _ = output(capsys, "--list")
        assert code == 0 and out.count("GS-") >= 60
        code, out, _ = output(capsys, "--explain", "GS-ELA01")
        assert code == 0 and "Source: [" in out and "```python" in out and "```typescript" in out
        assert output(capsys, "--explain", "GS-XXX")[0] == 2

    def test_help_has_examples(self, capsys):
        with pytest.raises(SystemExit):
            main(["check", "--help"])
        assert "greensage check cdk.out" in capsys.readouterr().out
