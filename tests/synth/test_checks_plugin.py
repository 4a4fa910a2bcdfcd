"""SustainabilityChecks beside AwsSolutionsChecks: one report, acknowledgements, nested stacks, stages and CDK Pipelines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, Environment, NestedStack, Stack, Stage, Validations, pipelines
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from constructs import Construct
from greensage.checks import SustainabilityChecks, rule
from greensage.errors import CheckError
from tests.conftest import MODELS
from tests.synth.conftest import build_fleet

ENV = Environment(account="111111111111", region="eu-north-1")


class Synthesized:
    """What one synthesis reported, by pack."""

    def __init__(self, folder: Path, error: str) -> None:
        self.error = error
        self.raw = (
            json.loads((folder / "validation-report.json").read_text())
            if (folder / "validation-report.json").exists()
            else {"pluginReports": []}
        )

    def of(self, pack: str = "Greensage") -> dict[str, Any]:
        return next((row for row in self.raw["pluginReports"] if row["pluginName"] == pack), {"violations": []})

    def found(self, pack: str = "Greensage") -> set[tuple[str, str]]:
        rows = self.of(pack)["violations"]
        return {(row["ruleName"], item["constructPath"]) for row in rows for item in row["violatingConstructs"]}


def synthesize(folder: Path, build, *packs) -> Synthesized:
    app = App(outdir=str(folder))
    build(app)
    Validations.of(app).add_plugins(*packs)
    try:
        app.synth()
    except RuntimeError as error:
        return Synthesized(folder, str(error))
    return Synthesized(folder, "")


def endless(scope: Construct, id: str) -> logs.LogGroup:
    return logs.LogGroup(scope, id, retention=logs.RetentionDays.INFINITE)


def one_stack(app: App) -> Stack:
    return Stack(app, "S", env=ENV)


class TestReport:
    def test_findings_are_warnings_with_figures_and_a_way_out(self, tmp_path):
        done = synthesize(tmp_path, lambda app: endless(one_stack(app), "Logs"), SustainabilityChecks())
        (violation,) = done.of()["violations"]
        assert done.error == "" and violation["severity"] == "warning"
        assert "gCO2e (" in violation["description"] and "USD a month" in violation["description"]
        assert "greensage check --explain GS-RET01" in violation["suggestedFix"]
        assert done.found() == {("GS-RET01", "S/Logs/Resource")}

    def test_errors_fail_the_synthesis_from_where_the_user_says(self, tmp_path):
        done = synthesize(tmp_path, lambda app: endless(one_stack(app), "Logs"), SustainabilityChecks(errors_from="low"))
        assert "ValidationFailed" in done.error
        assert done.of()["violations"][0]["severity"] == "error"

    def test_never_is_never(self, tmp_path):
        from aws_cdk import aws_sagemaker as sagemaker

        def build(app: App) -> None:
            sagemaker.CfnDeviceFleet(one_stack(app), "Gone", device_fleet_name="f", role_arn="r",
                                     output_config=sagemaker.CfnDeviceFleet.EdgeOutputConfigProperty(s3_output_location="s3://b/"))  # fmt: skip

        assert "ValidationFailed" in synthesize(tmp_path / "a", build, SustainabilityChecks()).error
        assert synthesize(tmp_path / "b", build, SustainabilityChecks(errors_from="never")).error == ""

    def test_beside_aws_solutions(self, tmp_path):
        app_packs: list[Any] = []

        def build(app: App) -> None:
            s3.Bucket(one_stack(app), "Data")
            app_packs.append(AwsSolutionsChecks(app))

        app = App(outdir=str(tmp_path))
        build(app)
        Validations.of(app).add_plugins(app_packs[0], SustainabilityChecks())
        with pytest.raises(RuntimeError):
            app.synth()
        done = Synthesized(tmp_path, "")
        assert ("AwsSolutions-S1", "S/Data/Resource") in done.found("AwsSolutions")
        assert ("GS-ART02", "S/Data/Resource") in done.found()


class TestEverywhere:
    def test_nested_stacks_stages_and_stages_in_stages(self, tmp_path):
        def build(app: App) -> None:
            endless(NestedStack(one_stack(app), "Nested"), "Logs")
            prod = Stage(app, "Prod", env=ENV)
            endless(Stack(prod, "T"), "Logs")
            endless(NestedStack(Stack(Stage(prod, "Inner"), "U"), "Deep"), "Logs")

        assert synthesize(tmp_path, build, SustainabilityChecks()).found() == {
            ("GS-RET01", "S/Nested/Logs/Resource"), ("GS-RET01", "Prod/T/Logs/Resource"), ("GS-RET01", "Prod/Inner/U/Deep/Logs/Resource"),
        }  # fmt: skip

    def test_on_one_stage_alone(self, tmp_path):
        app = App(outdir=str(tmp_path))
        for name in ("One", "Two"):
            stage = Stage(app, name, env=ENV)
            endless(Stack(stage, "T"), "Logs")
            if name == "One":
                Validations.of(stage).add_plugins(SustainabilityChecks())
        app.synth()
        assert Synthesized(tmp_path, "").found() == {("GS-RET01", "One/T/Logs/Resource")}

    def test_cdk_pipelines(self, tmp_path):
        class Wave(Stage):
            def __init__(self, scope: Construct, id: str) -> None:
                super().__init__(scope, id, env=ENV)
                endless(Stack(self, "T"), "Logs")

        def build(app: App) -> None:
            stack = one_stack(app)
            bucket = s3.Bucket.from_bucket_name(stack, "Source", "source")
            synth = pipelines.ShellStep("Synth", input=pipelines.CodePipelineSource.s3(bucket, "code.zip"), commands=["make"])
            pipeline = pipelines.CodePipeline(stack, "Pipeline", synth=synth)
            pipeline.add_stage(Wave(stack, "Prod"))

        found = synthesize(tmp_path, build, SustainabilityChecks(only=["GS-RET01", "GS-RET06"])).found()
        assert ("GS-RET01", "S/Prod/T/Logs/Resource") in found
        assert any(name == "GS-RET06" for name, _ in found)


class TestAcknowledged:
    def test_on_one_resource_and_nowhere_else(self, tmp_path):
        def build(app: App) -> None:
            stack = one_stack(app)
            SustainabilityChecks.acknowledge(endless(stack, "Kept"), "GS-RET01", reason="the law wants these")
            endless(stack, "Other")

        done = synthesize(tmp_path, build, SustainabilityChecks(errors_from="low"))
        assert done.found() == {("GS-RET01", "S/Other/Resource")}

    def test_errors_that_are_all_acknowledged_do_not_fail(self, tmp_path):
        def build(app: App) -> None:
            SustainabilityChecks.acknowledge(endless(one_stack(app), "Kept"), "GS-RET01", reason="the law wants these")

        done = synthesize(tmp_path, build, SustainabilityChecks(errors_from="low"))
        assert done.error == "" and done.found() == set()

    def test_on_the_stack_for_all_of_it(self, tmp_path):
        def build(app: App) -> None:
            stack = one_stack(app)
            endless(NestedStack(stack, "Nested"), "Logs")
            SustainabilityChecks.acknowledge(stack, "GS-RET01", reason="a stage that lives for a day")

        assert synthesize(tmp_path, build, SustainabilityChecks()).found() == set()

    def test_an_id_without_the_packs_prefix_matches_nothing_and_is_reported(self, tmp_path):
        def build(app: App) -> None:
            Validations.of(endless(one_stack(app), "Logs")).acknowledge(Acknowledgment(id="GS-RET01", reason="because"))

        done = synthesize(tmp_path, build, SustainabilityChecks())
        assert done.found() == {("GS-RET01", "S/Logs/Resource"), ("GS-ACK01", "S/Logs")}
        assert (
            "write Greensage::GS-RET01"
            in next(row for row in done.of()["violations"] if row["ruleName"] == "GS-ACK01")["description"]
        )

    def test_one_that_matches_nothing_any_more_is_reported(self, tmp_path):
        def build(app: App) -> None:
            stack = one_stack(app)
            fine = logs.LogGroup(stack, "Fine", retention=logs.RetentionDays.ONE_WEEK)
            SustainabilityChecks.acknowledge(fine, "GS-RET01", reason="the law wants these")
            SustainabilityChecks.acknowledge(app, "GS-ELA01", reason="nothing scales here")

        done = synthesize(tmp_path, build, SustainabilityChecks())
        assert {name for name, _ in done.found()} == {"GS-ACK01"} and len(done.of()["violations"]) == 2

    def test_not_where_its_rule_did_not_run(self, tmp_path):
        def build(app: App) -> None:
            fine = logs.LogGroup(one_stack(app), "Fine", retention=logs.RetentionDays.ONE_WEEK)
            SustainabilityChecks.acknowledge(fine, "GS-RET01", reason="the law wants these")

        assert synthesize(tmp_path, build, SustainabilityChecks(skip=["GS-RET01"])).found() == set()

    def test_the_command_line_honours_what_the_app_acknowledged(self, tmp_path, capsys):
        from greensage.cli import main

        def build(app: App) -> None:
            stack = one_stack(app)
            SustainabilityChecks.acknowledge(endless(NestedStack(stack, "N"), "Kept"), "GS-RET01", reason="the law wants these")
            endless(stack, "Other")

        synthesize(tmp_path, build, SustainabilityChecks())
        assert main(["check", str(tmp_path)]) == 1
        out = capsys.readouterr().out
        assert "S/Other/Resource" in out and "S/N/Kept" not in out and "1 accepted" in out


@rule("ACME-1", "Queues keep messages for four days at most", "AWS::SQS::Queue")
def short_queues(queue, *, max_days=4):
    """A rule as a user writes it."""
    if (queue.number("MessageRetentionPeriod", default=345_600) or 0) > max_days * 86_400:
        yield queue.fails(f"keeps messages for more than {max_days} days", "MessageRetentionPeriod")


class TestOwnRules:
    def test_ten_lines_are_a_rule(self, tmp_path):
        def build(app: App) -> None:
            sqs.CfnQueue(one_stack(app), "Queue", message_retention_period=1_209_600)

        packs = SustainabilityChecks(rules=[short_queues], only=["ACME-1"])
        assert synthesize(tmp_path, build, packs).found() == {("ACME-1", "S/Queue")}

    def test_with_parameters(self, tmp_path):
        def build(app: App) -> None:
            sqs.CfnQueue(one_stack(app), "Queue", message_retention_period=1_209_600)

        packs = SustainabilityChecks(rules=[short_queues], only=["ACME-1"], parameters={"ACME-1": {"max_days": 14}})
        assert synthesize(tmp_path, build, packs).found() == set()

    @pytest.mark.parametrize(
        "options", [{"only": ["GS-NO1"]}, {"parameters": {"GS-RET02": {"days": 1}}}, {"rules": [short_queues, short_queues]}]
    )
    def test_what_does_not_exist_is_refused_at_once(self, options):
        with pytest.raises(CheckError):
            SustainabilityChecks(**options)

    def test_a_configuration_shared_with_the_command_line(self, tmp_path):
        (tmp_path / "c.yaml").write_text("rules: {skip: [GS-RET]}\nregion: eu-north-1\n")
        packs = SustainabilityChecks(config=tmp_path / "c.yaml")
        assert synthesize(tmp_path / "out", lambda app: endless(one_stack(app), "Logs"), packs).found() == set()


def test_our_own_apps_are_clean(tmp_path):
    done = synthesize(tmp_path, build_fleet(MODELS), SustainabilityChecks(errors_from="low"))
    assert done.found() == set() and done.error == ""
