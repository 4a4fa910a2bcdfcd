"""Every public name says what each of its parameters is: its default, its allowed values, and what is raised."""

import inspect
import re

import pytest

import greensage

# Errors and what greensage returns are not made by its users; the fields of a model file have a page of their own.
RESULTS = {"FleetFootprint", "Footprint", "Plan", "GreensageError", "SpecError", "PlanError", "ModelSpec"}
# Nothing is refused here: anything of the right type will do.
ANY_VALUE = {"ArtifactLocation", "Baseline", "Container", "ContainerImage", "DataFile"}
ENTRY = re.compile(r"^ *((?:\w+, )*\w+):$")


def own_docs(item):
    classes = inspect.getmro(item) if inspect.isclass(item) else [item]
    return [inspect.getdoc(each) or "" for each in classes if each.__module__.startswith("greensage")]


def entries(item):
    """Descriptions by parameter, of the item and of what it inherits."""
    found = {}
    for text in own_docs(item):
        names = []
        for line in text.splitlines():
            match = ENTRY.match(line)
            if match:
                names = match[1].split(", ")
            elif not line.startswith(" ") and line.strip():
                names = []
            for name in names if not match else ():
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def parameters(item):
    made = inspect.signature(item.__init__ if inspect.isclass(item) else item).parameters.values()
    skipped = {"self", "scope", "id", "args", "kwargs"}
    return [each for each in made if each.name not in skipped and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]


PUBLIC = [(name, each) for name in greensage.__all__ for each in parameters(getattr(greensage, name))]


@pytest.mark.parametrize(("name", "parameter"), PUBLIC, ids=[f"{name}-{each.name}" for name, each in PUBLIC])
def test_parameter_is_described(name, parameter):
    text = entries(getattr(greensage, name)).get(parameter.name)
    assert text, f"{name}: the docstring does not describe {parameter.name}"
    if text.startswith("As for `"):
        return  # described there, and looked at there
    if parameter.default is not parameter.empty:
        assert "efault" in text or "None:" in text, f"{name}.{parameter.name} has a default that is not said: {text}"
    if type(parameter.default) in (int, float, str) and parameter.default != "":
        shown = f"{parameter.default:g}" if isinstance(parameter.default, float) else str(parameter.default)
        said = re.search(rf"(?<![\w.-]){re.escape(shown)}(?![\w-]|\.\d)", text.replace(",", " "))
        assert said, f"{name}.{parameter.name}: the default is {shown}, the docstring says: {text}"
    for allowed in re.findall(r"Literal\[([^]]*)\]", str(parameter.annotation)):
        for value in re.findall(r"'([^']+)'", allowed):
            assert value in text, f"{name}.{parameter.name}: {value} is allowed and not said"


@pytest.mark.parametrize("name", sorted(set(greensage.__all__) - RESULTS - ANY_VALUE))
def test_errors_are_named(name):
    assert any("Raises" in text for text in own_docs(getattr(greensage, name))), f"{name}: what does it raise?"


@pytest.mark.parametrize("name", greensage.__all__)
def test_purpose_comes_first(name):
    first = (inspect.getdoc(getattr(greensage, name)) or "").split("\n")[0]
    assert 10 <= len(first) <= 130, f"{name}: {first}"
    assert first.endswith("."), f"{name}: {first}"


@pytest.mark.parametrize("name", [name for name in greensage.__all__ if inspect.isclass(getattr(greensage, name))])
def test_public_methods_are_described(name):
    item = getattr(greensage, name)
    own = {key: value for key, value in vars(item).items() if not key.startswith("_") and inspect.isroutine(value)}
    bare = [key for key, value in own.items() if not inspect.getdoc(value)]
    assert not bare, f"{name}: nothing is said of {', '.join(bare)}"


def test_props_of_endpoints_are_described():
    from greensage.endpoints.props import EndpointProps, InstanceProps

    for props in (EndpointProps, InstanceProps):
        known = {**entries(EndpointProps), **entries(props)}
        missing = set(props.__annotations__) - set(known)
        assert not missing, f"{props.__name__} does not describe {missing}"
