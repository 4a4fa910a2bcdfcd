"""What reviews of public templates found: cases in which a rule spoke wrongly, or was silent wrongly."""

from __future__ import annotations

import json

import pytest

from greensage.catalog.checks import graviton_type
from greensage.checks.fix import mended
from tests.checks.helpers import failed, found, template, unknown

FUNCTION = "{Runtime: python3.13, Handler: i.h, Role: !GetAtt R.Arn, Code: {S3Bucket: c, S3Key: a}}"


def function(more: str) -> str:
    return f"Resources:\n  F: {{Type: AWS::Lambda::Function, Properties: {FUNCTION}}}\n{more}"


class TestFunctions:
    @pytest.mark.parametrize(
        "more",
        [
            "  C: {Type: 'Custom::Thing', Properties: {ServiceToken: !GetAtt F.Arn}}\n  P: {Type: 'AWS::Lambda::Permission', Properties: {FunctionName: !Ref F}}",
            "  C: {Type: 'AWS::CloudFormation::CustomResource', Properties: {ServiceToken: !GetAtt F.Arn}}",
            "  R: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {Statement: [{Principal: {Service: edgelambda.amazonaws.com}}]}}}",
            "  D: {Type: 'AWS::CloudFront::Distribution', Properties: {DistributionConfig: {X: !Ref V}}}\n  V: {Type: 'AWS::Lambda::Version', Properties: {FunctionName: !Ref F}}",
            "  G: {Type: 'AWS::Greengrass::FunctionDefinition', Properties: {X: !Ref V}}\n  V: {Type: 'AWS::Lambda::Version', Properties: {FunctionName: !Ref F}}",
        ],
    )
    @pytest.mark.parametrize("rule", ["GS-SIL01", "GS-RET04"])
    def test_that_run_at_deployments_or_elsewhere_are_let_be(self, rule, more):
        assert found(rule, function(more)) == []

    def test_that_others_call_too_are_not(self):
        more = "  C: {Type: 'Custom::Thing', Properties: {ServiceToken: !GetAtt F.Arn}}\n  E: {Type: 'AWS::Events::Rule', Properties: {Targets: [{Arn: !GetAtt F.Arn}]}}"
        assert failed("GS-SIL01", function(more))

    def test_with_a_foreign_layer_are_unknown(self):
        text = function("").replace("Handler: i.h", "Handler: i.h, Layers: ['arn:aws:lambda:eu-west-1:1:layer:magick:2']")
        assert unknown("GS-SIL01", text)


CONFIG = "  C: {Type: AWS::SageMaker::EndpointConfig, Properties: {ProductionVariants: [{VariantName: a, ModelName: m, InstanceType: !Ref T, InitialInstanceCount: 1}]}}\n"
SCALED = """\
Parameters: {M: {Type: String}, S: {Type: String, Default: prod}, T: {Type: String}}
Resources:
  E: {Type: AWS::SageMaker::Endpoint, Properties: {EndpointName: !Sub '${M}-${S}', EndpointConfigName: !GetAtt C.EndpointConfigName}}
  G: {Type: AWS::ApplicationAutoScaling::ScalableTarget, Properties: {ResourceId: !Sub 'endpoint/${M}-${S}/variant/a', ScalableDimension: d, MinCapacity: 1, MaxCapacity: 2}}
  P: {Type: AWS::ApplicationAutoScaling::ScalingPolicy, Properties: {PolicyType: TargetTrackingScaling, ResourceId: !Sub 'endpoint/${M}-${S}/variant/a', ScalableDimension: d}}
"""


class TestScaling:
    def test_equal_expressions_are_the_same_endpoint(self):
        text = SCALED + CONFIG
        assert found("GS-ELA01", text) == [] and found("GS-MON01", text) == [] and found("GS-ELA07", text) == []

    def test_another_expression_may_be_it_or_not(self):
        assert unknown(
            "GS-ELA01",
            (SCALED + CONFIG).replace("endpoint/${M}-${S}", "endpoint/${Other}").replace("{M:", "{Other: {Type: String}, M:"),
        )

    def test_an_instance_type_without_default_does_not_hide_it(self):
        text = (
            "Parameters: {T: {Type: String}}\nResources:\n  E: {Type: AWS::SageMaker::Endpoint, Properties: {EndpointConfigName: !Ref C}}\n"
            + CONFIG
        )
        assert failed("GS-ELA01", text)

    def test_two_tasks_are_availability(self):
        text = "Resources: {S: {Type: AWS::ECS::Service, Properties: {DesiredCount: 2}}}"
        assert found("GS-ELA09", text) == [] and failed("GS-ELA09", text, max_tasks=1)


class TestTypes:
    @pytest.mark.parametrize(
        ("service", "name", "new"),
        [
            ("hosting", "ml.c5.large", "ml.c7g.large"),
            ("hosting", "ml.c5.9xlarge", "ml.c7g.12xlarge"),
            ("hosting", "ml.c5.24xlarge", "ml.c7g.16xlarge"),
            ("ec2", "m5.24xlarge", "m7g.16xlarge"),
            ("db", "db.m5.24xlarge", "db.m7g.16xlarge"),
            ("search", "r4.16xlarge.search", "r6g.16xlarge.search"),
            ("emr", "m4.10xlarge", "m7g.12xlarge"),
            ("cache", "cache.m3.medium", None),
        ],
    )
    def test_a_suggested_type_exists(self, service, name, new):
        assert graviton_type(service, name) == new

    def test_every_suggested_hosting_type_exists(self):
        from greensage.catalog._data import load
        from greensage.catalog.instances import is_hosting_type

        for name in load("instances")["types"]:
            new = graviton_type("hosting", name)
            assert new is None or is_hosting_type(new), (name, new)

    def test_a_notebook_goes_to_what_notebooks_have(self):
        text = "Resources: {N: {Type: AWS::SageMaker::NotebookInstance, Properties: {InstanceType: ml.m4.xlarge}}}"
        assert "its successor is m7i" in failed("GS-SIL04", text)[0]

    def test_what_our_own_figures_say_would_emit_more_is_no_finding(self):
        from greensage.checks import rule
        from greensage.checks.savings import instead

        worse = instead("m7g.large", "m5.large", "us-east-1")
        assert worse is not None and worse.carbon_g.mid < 0

        @rule("ACME-1", "x", "AWS::Logs::LogGroup")
        def wrong(group):
            yield group.fails("would be worse", saves=worse)

        assert found(wrong, "Resources: {L: {Type: AWS::Logs::LogGroup}}") == []

    def test_one_machine_is_told_once(self):
        text = "Resources: {D: {Type: AWS::RDS::DBInstance, Properties: {DBInstanceClass: db.t2.micro, Engine: MySQL}}}"
        assert failed("GS-SIL07", text) and not failed("GS-SIL06", text)

    def test_amazon_linux_1_and_windows_have_no_arm64(self):
        ami = "{{resolve:ssm:/aws/service/ami-amazon-linux-latest/amzn-ami-hvm-x86_64-gp2}}"
        text = f"Resources: {{I: {{Type: AWS::EC2::Instance, Properties: {{InstanceType: m5.large, ImageId: '{ami}'}}}}}}"
        assert not failed("GS-SIL05", text)

    def test_a_replica_has_its_sources_engine(self):
        text = "Resources: {A: {Type: AWS::RDS::DBInstance, Properties: {Engine: postgres}}, B: {Type: AWS::RDS::DBInstance, Properties: {DBInstanceClass: db.r5.large, SourceDBInstanceIdentifier: !Ref A}}}"
        assert failed("GS-SIL07", text)

    def test_old_elasticsearch_has_no_graviton(self):
        text = "Resources: {{D: {{Type: AWS::OpenSearchService::Domain, Properties: {{EngineVersion: {version}, ClusterConfig: {{InstanceType: r5.large.search}}}}}}}}"
        assert not failed("GS-SIL09", text.format(version="Elasticsearch_6.3"))
        assert failed("GS-SIL09", text.format(version="Elasticsearch_7.10")) and failed(
            "GS-SIL09", text.format(version="OpenSearch_2.5")
        )

    def test_an_image_by_placeholder_is_unknown(self):
        text = "Resources: {T: {Type: AWS::ECS::TaskDefinition, Properties: {RequiresCompatibilities: [FARGATE], ContainerDefinitions: [{Image: 'ECR_REPO_URI:TAG'}]}}}"
        assert unknown("GS-SIL10", text)


class TestBuckets:
    def test_what_cloudfront_serves_is_let_be(self):
        text = "Resources:\n  B: {Type: AWS::S3::Bucket}\n  D: {Type: AWS::CloudFront::Distribution, Properties: {DistributionConfig: {Origins: [{DomainName: !GetAtt B.DomainName}]}}}"
        assert found("GS-ART02", text) == []

    def test_only_disabled_rules_are_none(self):
        text = "Resources: {B: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Status: Disabled, ExpirationInDays: 3}]}}}}"
        assert failed("GS-ART02", text)

    def test_a_fix_appends_and_never_replaces_a_rule(self):
        rules = [{"Status": "Disabled", "ExpirationInDays": 9}, {"Status": "Enabled", "ExpirationInDays": 3}]
        raw = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Rules": rules}}}}}
        text = json.dumps(raw, indent=2)
        after, done = mended(text, found("GS-ART04", text))
        kept = json.loads(after)["Resources"]["B"]["Properties"]["LifecycleConfiguration"]["Rules"]
        assert len(done) == 1 and kept[:2] == rules and "AbortIncompleteMultipartUpload" in kept[2]

    def test_one_amount_is_not_saved_twice(self):
        text = "Resources: {B: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: Enabled}}}}"
        assert found("GS-ART02", text)[0].saves is not None and found("GS-ART03", text)[0].saves is None


class TestJobs:
    def test_a_machine_that_lies_elsewhere_is_unknown_only_where_sagemaker_is_spoken_of(self):
        text = "Resources: {M: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: x.json}}}"
        assert found("GS-TRN02", text) == []
        assert unknown("GS-TRN02", text.replace("x.json", "sagemaker-training.json"))

    def test_a_definition_made_by_a_function_is_read(self):
        text = "Resources: {P: {Type: AWS::SageMaker::Pipeline, Properties: {PipelineDefinition: {PipelineDefinitionBody: {'Fn::ToJsonString': {Steps: [{Name: C, Type: Condition, Arguments: {IfSteps: [{Name: T, Type: Training, Arguments: {}}]}}]}}}}}}"
        assert failed("GS-TRN06", text) == ["runs T anew each time, although nothing has changed: no step has a cache"]

    def test_monitors_start_processing_jobs(self):
        text = "Resources: {S: {Type: AWS::SageMaker::MonitoringSchedule, Properties: {}}}"
        assert "/aws/sagemaker/ProcessingJobs" in failed("GS-RET05", text)[0]

    def test_a_schedule_of_a_pipeline_elsewhere_is_unknown(self):
        text = "Resources: {R: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 day), Targets: [{Arn: !Sub 'arn:aws:sagemaker:${AWS::Region}:1:pipeline/p'}]}}}"
        assert unknown("GS-TRN01", text)


class TestApps:
    def test_facts_that_hang_on_a_condition_are_unknown(self):
        text = "Parameters: {P: {Type: String}}\nConditions: {A: !Equals [!Ref P, x]}\nResources: {C: {Type: AWS::SageMaker::EndpointConfig, Properties: {DataCaptureConfig: !If [A, {EnableCapture: true}, !Ref 'AWS::NoValue']}}}"
        assert "condition A" in unknown("GS-CAP04", text)[0]

    def test_tags_may_come_with_the_stack(self):
        from greensage.checks.engine import Engine
        from tests.checks.helpers import RULES

        text = "Resources: {E: {Type: AWS::SageMaker::Endpoint, Properties: {EndpointConfigName: c}}}"
        run = Engine([RULES["GS-MON03"]], strict=True)
        assert [item.status for item in run.run([template(text, deployed_as=None)])] == ["unknown"]
        assert list(run.run([template(text, tagged=True)])) == []

    def test_deleting_a_group_is_not_cleaning_packages(self):
        text = "Resources: {{G: {{Type: AWS::SageMaker::ModelPackageGroup}}, P: {{Type: AWS::IAM::Policy, Properties: {{PolicyDocument: {{Statement: [{{Action: '{action}'}}]}}}}}}}}"
        assert failed("GS-ART05", text.format(action="sagemaker:DeleteModelPackageGroup"))
        assert not failed("GS-ART05", text.format(action="sagemaker:*"))


class TestHeldOut:
    """What a second review found, on templates that were not looked at before."""

    def test_a_function_that_may_not_log_makes_no_group(self):
        role = "  R: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: p, PolicyDocument: {Statement: [{Action: 'glue:*', Resource: x}]}}]}}"
        assert found("GS-RET04", function(role)) == []
        assert failed("GS-RET04", function(role.replace("glue:*", "logs:*")))

    def test_a_key_that_is_no_text_is_refused(self, tmp_path):
        from greensage.checks.reading import parse
        from greensage.errors import CheckError

        with pytest.raises(CheckError, match="cookiecutter"):
            parse("Resources: {F: {Type: T, A: [{{ cookiecutter.x }}]}}", "t.yaml")

    def test_aurora_begins_at_medium_and_its_first_version_is_unknown(self):
        text = "Resources: {{A: {{Type: AWS::RDS::DBInstance, Properties: {{DBInstanceClass: {size}, Engine: {engine}}}}}}}"
        assert unknown("GS-SIL07", text.format(size="db.t2.medium", engine="aurora"))
        assert found("GS-SIL07", text.format(size="db.t2.small", engine="aurora-mysql")) == []
        assert failed("GS-SIL07", text.format(size="db.t3.medium", engine="aurora-mysql"))

    def test_one_tag_that_is_known_is_enough(self):
        text = (
            "Parameters: {P: {Type: String}}\nResources:\n"
            "  C: {Type: AWS::SageMaker::EndpointConfig, Properties: {ProductionVariants: [{VariantName: a, ModelName: m, InstanceType: ml.m6g.large}]}}\n"
            "  E: {Type: AWS::SageMaker::Endpoint, Properties: {EndpointConfigName: !Ref C, Tags: [{Key: id, Value: !Ref P}, {Key: stage, Value: dev}]}}\n"
        )
        assert failed("GS-ELA05", text) and unknown("GS-ELA05", text.replace("Value: dev", "Value: live"))

    def test_a_build_of_images_is_unknown(self):
        text = "Resources: {{B: {{Type: AWS::CodeBuild::Project, Properties: {{Source: {{BuildSpec: '{spec}'}}, Environment: {{Type: LINUX_CONTAINER, Image: '{image}'}}}}}}}}"
        assert unknown("GS-SIL12", text.format(spec="x", image="aws/codebuild/docker:17.09.0"))
        assert unknown("GS-SIL12", text.format(spec="docker build .", image="aws/codebuild/standard:7.0"))
        assert failed("GS-SIL12", text.format(spec="make test", image="aws/codebuild/standard:7.0"))

    def test_a_model_of_a_package_is_unknown(self):
        text = (
            "Resources:\n  M: {Type: AWS::SageMaker::Model, Properties: {Containers: [{ModelPackageName: p}]}}\n"
            "  C: {Type: AWS::SageMaker::EndpointConfig, Properties: {ProductionVariants: [{VariantName: a, ModelName: !GetAtt M.ModelName, InstanceType: ml.g4dn.xlarge}]}}\n"
        )
        assert unknown("GS-SIL03", text)

    def test_a_function_that_answers_cloudformation_for_other_stacks_is_let_be(self):
        text = function("").replace("{S3Bucket: c, S3Key: a}", "{ZipFile: 'import cfnresponse'}")
        assert found("GS-SIL01", text) == []


class TestMutants:
    """Cases that hand-made mutations of the code showed to be missing."""

    def test_a_policy_by_its_targets_id_is_the_targets(self):
        text = (
            "Resources:\n  T: {Type: AWS::ApplicationAutoScaling::ScalableTarget, Properties: {ResourceId: endpoint/e/variant/a, MinCapacity: 1, MaxCapacity: 2}}\n"
            "  P: {Type: AWS::ApplicationAutoScaling::ScalingPolicy, Properties: {ScalingTargetId: !Ref T}}\n"
        )
        assert found("GS-ELA07", text) == [] and failed("GS-ELA07", text.replace("!Ref T", "other"))

    def test_a_region_must_be_cleaner_by_the_share_asked_for(self):
        text = "# deployed to eu-west-1\nResources: {I: {Type: AWS::EC2::Instance, Properties: {InstanceType: m7g.large}}}"
        assert failed("GS-REG01", text) and not failed("GS-REG01", text, min_cleaner_share=0.99)
        assert not failed("GS-REG01", text, allowed=["eu-west-1", "eu-central-1"])

    def test_what_nobody_states_has_a_wide_band(self):
        from greensage.checks.savings import log_group

        carbon = log_group("us-east-1").carbon_g
        assert carbon.high / carbon.low > 50

    def test_one_broken_template_of_an_assembly_leaves_the_others(self, tmp_path, monkeypatch, capsys):
        from greensage.cli import main

        monkeypatch.chdir(tmp_path)
        artifacts = {}
        for name, text in (("A", '{"Resources": {'), ("B", '{"Resources": {"L": {"Type": "AWS::Logs::LogGroup"}}}')):
            (tmp_path / f"{name}.template.json").write_text(text)
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "environment": "aws://1/eu-west-1",
                "properties": {"templateFile": f"{name}.template.json"},
            }
        (tmp_path / "manifest.json").write_text(json.dumps({"version": "1", "artifacts": artifacts}))
        assert main(["check", "."]) == 2
        out, err = capsys.readouterr()
        assert "B.template.json" in out and "GS-RET01" in out and "A.template.json:1:16: broken JSON" in err

    def test_a_high_finding_is_an_error_on_github(self, tmp_path, monkeypatch, capsys):
        from greensage.cli import main

        monkeypatch.chdir(tmp_path)
        (tmp_path / "t.yaml").write_text("Resources: {F: {Type: 'AWS::SageMaker::DeviceFleet'}}")
        assert main(["check", "t.yaml", "--format", "github", "--fail-on", "high"]) == 1
        assert capsys.readouterr().out.startswith("::error file=t.yaml,line=1")
