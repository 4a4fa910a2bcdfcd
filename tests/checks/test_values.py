"""What a template says is worked out; what only the deployment knows is unknown, and never guessed."""

from __future__ import annotations

import pytest

from greensage.checks.values import Undecided, Unresolved, resolve, text_of
from tests.checks.helpers import failed, found, template, unknown

GROUP = "Resources: {{L: {{Type: 'AWS::Logs::LogGroup', Properties: {{RetentionInDays: {value}}}}}}}\n{more}"


def days(value: str, more: str = "") -> str:
    return GROUP.format(value=value, more=more)


def scope(more: str = ""):
    made = template(f"Resources: {{L: {{Type: 'AWS::Logs::LogGroup'}}}}\n{more}")
    return made.scope


class TestWorkedOut:
    def test_a_default_of_a_parameter_counts_and_is_said(self):
        text = days("!Ref Days", "Parameters: {Days: {Type: Number, Default: 3653}}")
        assert "with the default of the parameter Days" in failed("GS-RET02", text)[0]

    def test_a_mapping_by_known_keys(self):
        assert failed("GS-RET02", days("!FindInMap [M, logs, days]", "Mappings: {M: {logs: {days: 3653}}}"))

    def test_a_mapping_by_the_stacks_region(self):
        more = "Mappings: {M: {eu-north-1: {days: 3653}, eu-west-1: {days: 14}}}\n# deployed to eu-north-1"
        assert failed("GS-RET02", days("!FindInMap [M, !Ref 'AWS::Region', days]", more))

    def test_no_value_is_absent(self):
        assert failed("GS-RET01", days("!Ref AWS::NoValue"))

    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            ({"Fn::Join": ["-", ["a", "b"]]}, "a-b"),
            ({"Fn::Sub": "x${!keep}y"}, "x${keep}y"),
            ({"Fn::Sub": ["${A}b", {"A": "a"}]}, "ab"),
            ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
            ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
            ({"Fn::Select": [0, {"Fn::Split": ["/", "x/y"]}]}, "x"),
            ({"Fn::Base64": "a"}, "a"),
        ],
    )
    def test_functions(self, raw, value):
        assert resolve(raw, scope()) == value

    def test_lists_drop_what_has_no_value(self):
        assert resolve(["a", {"Ref": "AWS::NoValue"}], scope()) == ["a"]

    def test_comma_delimited_defaults_are_lists(self):
        assert resolve({"Ref": "P"}, scope("Parameters: {P: {Type: CommaDelimitedList, Default: 'a, b'}}")) == ["a", "b"]


class TestUnknown:
    @pytest.mark.parametrize(
        ("value", "more", "why"),
        [
            ("!Ref Days", "Parameters: {Days: {Type: Number}}", "no default"),
            (
                "!Ref Days",
                "Parameters: {Days: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /days}}",
                "read at deployment",
            ),
            ("!ImportValue days", "", "ImportValue"),
            ("!GetAtt Other.Days", "", "Other.Days"),
            ("!FindInMap [M, !Ref 'AWS::Region', days]", "Mappings: {M: {eu-north-1: {days: 1}}}", "AWS::Region"),
            ("!FindInMap [M, nowhere, days]", "Mappings: {M: {}}", "no nowhere.days"),
            ("!Transform {Name: Macro}", "", "Transform"),
            ("'{{resolve:ssm:/days}}'", "", "dynamic reference"),
        ],
    )
    def test_what_only_the_deployment_knows(self, value, more, why):
        assert failed("GS-RET02", days(value, more)) == []
        assert why in unknown("GS-RET02", days(value, more))[0]

    def test_a_value_of_another_shape_is_unknown_not_a_crash(self):
        from greensage.checks.engine import Engine
        from greensage.checks.rules import all_rules

        text = "Resources: {E: {Type: 'AWS::SageMaker::EndpointConfig', Properties: {ProductionVariants: [just, text], DataCaptureConfig: 3}}}"
        findings = list(Engine(all_rules()).run([template(text)]))
        assert all(item.status == "unknown" or item.message for item in findings)


CONDITIONS = "Parameters: {Stage: {Type: String, Default: dev}}\nConditions: {IsProd: !Equals [!Ref Stage, prod]}"


class TestConditions:
    def test_both_cases_alike_is_a_finding(self):
        assert failed("GS-RET02", days("!If [IsProd, 3653, 1827]", CONDITIONS)) == []
        assert failed("GS-RET01", days("!If [IsProd, !Ref 'AWS::NoValue', !Ref 'AWS::NoValue']", CONDITIONS))

    def test_one_case_alone_is_unknown_and_says_which(self):
        assert "fails where the condition IsProd is true" in unknown("GS-RET02", days("!If [IsProd, 3653, 14]", CONDITIONS))[0]
        assert "fails where the condition IsProd is false" in unknown("GS-RET02", days("!If [IsProd, 14, 3653]", CONDITIONS))[0]

    def test_neither_case_is_nothing(self):
        assert found("GS-RET02", days("!If [IsProd, 14, 30]", CONDITIONS)) == []

    def test_a_parameters_default_does_not_decide_a_condition(self):
        with pytest.raises(Undecided):
            scope(CONDITIONS).condition("IsProd")

    def test_the_region_of_the_stack_does(self):
        more = "Conditions: {InSweden: !Equals [!Ref 'AWS::Region', eu-north-1]}\n# deployed to eu-north-1"
        assert failed("GS-RET02", days("!If [InSweden, 3653, 14]", more))

    def test_a_resource_whose_condition_cannot_hold_is_passed_by(self):
        text = "Conditions: {Never: !Not [!Equals [a, a]]}\nResources: {L: {Type: 'AWS::Logs::LogGroup', Condition: Never}}"
        assert found("GS-RET01", text) == []

    def test_conditions_that_refer_to_themselves_are_undecided(self):
        more = "Conditions: {A: !Condition B, B: !Condition A}"
        assert unknown("GS-RET02", days("!If [A, 3653, 14]", more))

    def test_and_or_not(self):
        made = scope(
            "Conditions: {Yes: !Equals [a, a], No: !Equals [a, b], Both: !And [!Condition Yes, !Not [!Condition No]], One: !Or [!Condition No, !Condition Yes]}"
        )
        assert made.condition("Both") and made.condition("One")

    def test_too_many_conditions_end(self):
        names = [f"C{index}" for index in range(12)]
        value = "14"
        for name in names:
            value = f"!If [{name}, 3653, {value}]"
        more = "Parameters: {P: {Type: String}}\nConditions: {" + ", ".join(f"{n}: !Equals [!Ref P, {n}]" for n in names) + "}"
        assert unknown("GS-RET02", days(value, more))


class TestText:
    def test_unknown_parts_are_stars(self):
        made = scope("Parameters: {P: {Type: String}}")
        assert text_of({"Fn::Sub": "endpoint/${L.Name}/variant/${P}"}, made) == "endpoint/*/variant/*"
        assert text_of({"Fn::Join": ["/", ["a", {"Ref": "P"}]]}, made) == "a/*"
        assert text_of({"Fn::ImportValue": "x"}, made) == "*"

    def test_lists_are_no_text(self):
        assert text_of([1, 2], scope()) == "*"


def test_resolving_what_is_broken_says_so():
    for raw in ({"Fn::Join": "x"}, {"Fn::If": []}, {"Fn::Select": [9, ["a"]]}, {"Fn::Split": []}):
        with pytest.raises((Unresolved, Undecided)):
            resolve(raw, scope())
