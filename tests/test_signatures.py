"""One name in every package: the same parameters in the same order, and a documentation of each."""

import doctest
import importlib
import inspect
import pkgutil
import re

import families
import kit
import numpy as np
import pytest

import fastlayers as fl
from fastlayers import (
    callbacks,
    functional,
    initializers,
    layers,
    mpi,
    network,
    optimizers,
    schedules,
    testing,
)
from fastlayers._core import backend

NAMES = families.KERNELS
PUBLIC = families.PUBLIC


def parameters(function):
    return list(inspect.signature(function).parameters.values())


def names(function):
    return [p.name for p in parameters(function)]


def of_kernel(function):
    """A compiled function's parameter names, from its signature or from the one its docstring begins with."""
    try:
        return names(function)
    except (TypeError, ValueError):
        embedded = re.match(rf"{function.__name__}\((.*?)\)", function.__doc__ or "")
        if embedded is None:
            return None
        return [re.split(r"[=:]", p)[0].split()[-1] for p in embedded[1].split(",") if p.strip() not in "/*"]


@pytest.mark.parametrize("name", families.FUNCTION)
def test_functions_contract_reference_and_pure_functions(name):
    public = parameters(getattr(functional, name))
    positional = [p.name for p in public if p.kind is p.POSITIONAL_OR_KEYWORD]
    keyword = [p.name for p in public if p.kind is p.KEYWORD_ONLY]
    run, *rule = parameters(kit.rule(name))
    assert run.name == "run"
    if rule[-1].kind is run.VAR_KEYWORD:  # a loss hands its options on, which rows or pairs of numbers ask for
        rule = [p for p in rule if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        of_rule = {p.name for p in rule}
        expected = {(p.name, p.kind, p.default) for p in public if p.name in of_rule}
        assert {(p.name, p.kind, p.default) for p in rule} == expected
    else:
        assert [(p.name, p.kind, p.default) for p in rule] == [(p.name, p.kind, p.default) for p in public]
    if name in functional.__all__:  # what only a layer calls it has bound to itself
        assert parameters(getattr(fl.reference, name)) == public
    # The reference is given what concerns the mathematics: no out, and softmax's axis is always the last.
    mathematics = [n for n in positional + keyword if n not in ("out", "axis")]
    assert names(kit.formula(name)) == mathematics


@pytest.mark.parametrize("name", [*NAMES, *families.UPDATES])
def test_kernels_have_the_functions_parameters(level, name):
    found = of_kernel(getattr(level, name))
    if found is None:
        pytest.skip("the kernels were built without embedded signatures")
    expected = names(kit.formula(name) if name in families.UPDATES else getattr(functional, name))
    if {"reduction", "axis"} & {*expected}:  # out comes before the options: the common call is by place, and has none
        expected.remove("out")
        expected.insert(len(families.common_call(name)), "out")
    assert found == expected


@pytest.mark.parametrize("name", [*NAMES, *families.UPDATES])
def test_kernels_refuse_calls_of_another_form(level, name):
    """A wrong number of arguments is a TypeError, as for any function."""
    for args in ((), (np.ones(3),) * 14):
        with pytest.raises(TypeError):
            getattr(level, name)(*args)


def test_where_nothing_is_compiled_every_kernel_declines():
    for name in NAMES:
        assert getattr(backend._DECLINES, name)(*families.common_call(name)) is NotImplemented
    for name in families.UPDATES:
        assert getattr(backend._DECLINES, name)(*families.update_call(name)) is NotImplemented


def test_the_reference_offers_the_same_names():
    packages = (layers, functional, network, optimizers)
    assert set(fl.reference.__all__) == {"clip_grads"} | {name for package in packages for name in package.__all__}
    assert set(PUBLIC) == set(functional.__all__)
    for name in fl.reference.__all__:
        twin = getattr(fl.reference, name)
        assert twin.__name__ == name
        assert twin.__doc__
        stateless = name in (
            "AddLayer",
            "Flatten",
            "MulLayer",
            "Parallel",
            "Sequential",
        )  # no function behind them, so no twin
        assert stateless == (twin is getattr(fl, name))
        assert stateless or twin.__module__ == "fastlayers.reference"


@pytest.mark.parametrize(
    "module",
    [fl, functional, layers, network, optimizers, schedules, callbacks, initializers, testing, mpi, fl.reference],
)
def test_every_public_name_is_there_and_documented(module):
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if name != "__version__":
            assert inspect.getdoc(value), name
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                assert method.startswith("_") or inspect.getdoc(function), f"{name}.{method}"


def test_what_a_package_exports_the_whole_exports():
    for module in (functional, layers, network, optimizers):
        assert set(module.__all__) <= set(fl.__all__)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", fl.__version__)


def sections(value):
    return re.findall(r"^([A-Z][A-Za-z ]+)\n-{3,}$", inspect.getdoc(value), re.MULTILINE)


@pytest.mark.parametrize("name", PUBLIC)
def test_functions_have_the_sections_of_numpydoc(name):
    function = getattr(fl, name)
    found = sections(function)
    assert [s for s in found if s != "See Also"] == ["Parameters", "Returns", "Raises", "Notes", "Examples"]
    documented = inspect.getdoc(function).split("Returns\n")[0]
    for parameter in names(function):
        assert re.search(rf"^{parameter} : ", documented, re.MULTILINE), parameter
    assert re.search(r"sections? \d|(19|20)\d\d\b", inspect.getdoc(function).split("Notes\n")[1])  # where it comes from


BACKEND = [fl.set_backend, fl.use_backend, fl.get_backend, fl.set_num_threads, fl.get_num_threads]
TESTING = [testing.numerical_gradient, testing.check_gradients]


@pytest.mark.parametrize("function", [*BACKEND, *TESTING])
def test_other_functions_document_their_parameters_and_results(function):
    found = sections(function)
    assert ("Parameters" in found) == bool(names(function))
    assert "Returns" in found or not function.__name__.startswith(("get_", "numerical", "check"))


CLASSES = [getattr(fl, name) for package in (layers, network, optimizers) for name in package.__all__]
CLASSES += [fl.History, *(getattr(callbacks, name) for name in callbacks.__all__)]


@pytest.mark.parametrize("value", CLASSES)
def test_classes_document_their_parameters_and_attributes(value):
    arguments = names(value)
    doc = inspect.getdoc(value)
    assert ("Parameters" in sections(value)) == bool(arguments)
    for argument in arguments:
        assert re.search(rf"^(\w+, )*{argument}(, \w+)* : ", doc, re.MULTILINE), argument
    if value.__name__ in layers.__all__ and value not in (fl.AddLayer, fl.Flatten, fl.GlobalAveragePooling):
        assert "Attributes" in sections(value)


def public_classes():
    """Every public class of every public module that can be imported here, by its full name."""
    for info in pkgutil.iter_modules(fl.__path__):
        if not info.name.startswith("_") and info.name != "kernels":
            try:
                module = importlib.import_module(f"fastlayers.{info.name}")
            except ImportError:  # it needs an extra
                continue
            for name in getattr(module, "__all__", []):
                if inspect.isclass(value := getattr(module, name)):
                    yield f"{info.name}.{name}", value


def test_every_class_shows_the_parameters_that_it_takes():
    """Sphinx and Python before 3.11.5 read the signature of ``__new__``, also an inherited one, before ``__init__``."""
    hidden = []
    for name, value in public_classes():
        if not getattr(value, "_is_protocol", False):  # nobody calls a protocol
            takers = filter(inspect.isfunction, (value.__new__, value.__init__))
            hidden += [name for taker in takers if {"args", "kwargs"} <= {*names(taker)}]
    assert not hidden, f"these show (*args, **kwargs): {', '.join(hidden)}"
    assert [(p.name, p.default) for p in parameters(fl.Sequential)] == [
        ("layers", inspect.Parameter.empty),
        ("loss", None),
    ]


WITH_EXAMPLES = [
    info.name
    for info in pkgutil.walk_packages(fl.__path__, "fastlayers.", onerror=lambda name: None)
    if not info.name.startswith(("fastlayers.__main__", "fastlayers.kernels", "fastlayers.sklearn"))
    and ">>> " in inspect.getsource(importlib.import_module(info.name))
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
@pytest.mark.usefixtures("implementation")
def test_examples_in_the_documentation(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("name", functional.__all__)
def test_out_and_switches_are_keywords(name):
    kinds = {p.name: p.kind for p in parameters(getattr(fl, name))}
    for keyword in {"out", "axis", "need_dx"} & set(kinds):
        assert kinds[keyword] is inspect.Parameter.KEYWORD_ONLY


PUBLIC_CLASSES = {name: kind for name, kind in public_classes() if not getattr(kind, "_is_protocol", False)}


@pytest.mark.parametrize("owner", PUBLIC_CLASSES.values(), ids=PUBLIC_CLASSES)
def test_no_internal_class_is_named_when_a_method_is_called_wrongly(owner):
    for name in [name for name in dir(owner) if not name.startswith("_") or name in ("__init__", "__call__")]:
        member = inspect.getattr_static(owner, name)
        method = getattr(member, "__func__", member)
        if not inspect.isfunction(method) or not method.__module__.startswith("fastlayers."):
            continue
        if any(p.kind is p.VAR_KEYWORD for p in parameters(method)):
            continue
        one = owner() if "sklearn" in owner.__module__ else owner.__new__(owner)
        with pytest.raises(TypeError, match="nonsense") as raised:
            method(one, nonsense=1)
        *kind, called = str(raised.value).partition("(")[0].split(".")
        assert called == name
        assert {*kind} <= {kind.__name__ for kind in PUBLIC_CLASSES.values()}
