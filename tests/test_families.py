"""Every family has its entry, its files and its place in the documentation; and layers come back from where they go."""

import importlib.util
import inspect
import math
import pickle
import re
from pathlib import Path

import families
import kit
import numpy as np
import pytest
from family import Arrays

import fastlayers as fl
from fastlayers import functional, layers, optimizers
from fastlayers.formats.c_layers import NAMES
from fastlayers.formats.onnx_operators import OPERATORS

CHECKOUT = Path(__file__).resolve().parents[1]
ENTRIES = "tests/families.py"
PUBLIC = [*functional.__all__, *layers.__all__, *optimizers.__all__]


@pytest.mark.parametrize(
    ("package", "entries"),
    [
        (functional, families.PUBLIC),
        (layers, (*families.LAYERS, *families.NO_LAYERS)),
        (optimizers, families.OPTIMIZERS),
    ],
    ids=["functional", "layers", "optimizers"],
)
def test_every_public_name_has_an_entry(package, entries):
    for name in package.__all__:
        assert name in entries, f"{name} of {package.__name__} has no entry in {ENTRIES}"
    for name in entries:
        assert name in package.__all__, f"{ENTRIES} has an entry for {name}, which {package.__name__}.__all__ lacks"


def test_every_kernel_of_a_function_has_an_entry(level):
    named = {name for name in vars(level) if name.endswith(("_forward", "_backward", "_update"))}
    missing = named - {*families.KERNELS, *families.UPDATES}
    assert not missing, f"kernels without an entry in {ENTRIES}: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_exported_and_has_a_twin_in_the_reference(name):
    assert name in fl.__all__, f"fastlayers/__init__.py does not export {name}"
    assert name in fl.reference.__all__, f"fastlayers/reference.py lacks {name}"


def test_a_family_has_one_name_in_every_package():
    for name in functional.__all__:
        family = inspect.getsourcefile(inspect.unwrap(getattr(functional, name)))
        family = Path(family).stem
        for place in (f"formulas/{family}.py", f"kernels/{family}.pyx"):
            assert (CHECKOUT / "fastlayers" / place).is_file(), (
                f"fastlayers/{place} is missing, the namesake of functional/{family}.py"
            )
        # Values are held against exact arithmetic by its entry, or by a file of its own.
        promised = families.FUNCTION[name].accuracy is not None
        assert promised or (CHECKOUT / f"tests/test_{family}.py").is_file(), f"tests/test_{family}.py is missing"


# The section of the layers' page in the reference in which the layers of a kind stand.
SECTIONS = {
    "affine": "Affine layers",
    "rows": "Activations",
    "normalization": "Dropout and normalization",
    "convolution": "Images",
    "images": "Images",
    "indices": "Embeddings",
    "sequence": "Recurrent layers",
    "loss": "Losses",
}
REFERENCE = CHECKOUT / "docs" / "reference"
needs_documentation = pytest.mark.skipif(not REFERENCE.is_dir(), reason="an sdist has no documentation")


@needs_documentation
def test_every_public_name_is_told_of():
    """The pages of the reference list the activations by themselves (`docs/pages.py`), all else by hand."""
    pages = " ".join(path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.rst")).split()
    families_listed = {f"{family}{way}" for family in layers.ACTIVATIONS for way in ("", "_forward", "_backward")}
    listed = {*pages, *families_listed, *(kind.__name__ for kind in layers.ACTIVATIONS.values())}
    missing = {*PUBLIC} - listed
    assert not missing, f"no page of docs/reference/ lists {', '.join(sorted(missing))}"
    changelog = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    for name in (*layers.__all__, *optimizers.__all__):
        assert f"`{name}" in changelog, f"CHANGELOG.md does not tell of {name}"


@needs_documentation
def test_every_layer_stands_in_the_section_of_its_family():
    parts = re.split(r"^(.+)\n-+\n", (REFERENCE / "layers.rst").read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = {kind.__name__: "Activations" for kind in layers.ACTIVATIONS.values()}
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        sections |= dict.fromkeys(re.findall(r"^   (\w+)$", body, flags=re.MULTILINE), title)
    for name, entry in families.LAYER.items():
        assert sections[name] == SECTIONS.get(entry.kind, sections[name]), name
    modules = {(getattr(layers, name).__module__, sections[name]) for name in layers.__all__}
    assert len(modules) == len(dict(modules)), "a module's layers stand in several sections"


# Saving and pickling


def network(entry, **options):
    """One of the layer between affine layers, or with it as the loss; and what goes in."""
    arrays = Arrays(np.float32, (6, 4))
    affine, last = (families.LAYER["Affine"].make(arrays=Arrays(np.float32, shape)) for shape in ((6, 4), (6, 3)))
    if entry.kind in ("convolution", "images"):
        kind = getattr(fl, entry.name)
        given = dict(zip(inspect.signature(kind).parameters, entry.arguments(arrays), strict=False))
        layer = kind(**given | options)
        size = layer.forward(arrays.images)[0].size
        return fl.Sequential(
            [fl.Relu(), layer, fl.Affine(kit.numbers((size, 3), np.float32))], fl.SoftmaxWithLoss()
        ), arrays.images
    if entry.kind == "indices":
        return fl.Sequential([entry.make(arrays=arrays), affine, last], fl.SoftmaxWithLoss()), arrays.indices
    if entry.kind == "sequence":
        layer = getattr(fl, entry.name)(*entry.arguments(arrays), **options)
        width = math.prod(layer._output_shape(entry.inputs(arrays)[0].shape[1:]))
        last = fl.Affine(kit.numbers((width, 3), np.float32))
        return fl.Sequential([layer, fl.Flatten(), last], fl.SoftmaxWithLoss()), *entry.inputs(arrays)
    if entry.is_loss:
        return fl.Sequential([affine], getattr(fl, entry.name)(**options)), arrays.x
    fitting = Arrays(np.float32, (6, 3))
    layer = entry.make(arrays=fitting)
    if options:
        given = dict(zip(inspect.signature(type(layer)).parameters, entry.arguments(fitting), strict=False))
        layer = type(layer)(**given | options)
    return fl.Sequential([affine, layer, last], fl.SoftmaxWithLoss()), arrays.x


SAVED = [
    pytest.param(entry, options, id=f"{entry.name}{options or ''}")
    for entry in families.LAYER.values()
    if entry.in_network
    for options in ([{}, entry.options] if entry.options else [{}])
]
WAYS = {
    "npz": lambda net, path: [net.save(path), fl.Sequential.load(path)][1],
    "safetensors": lambda net, path: [net.to_safetensors(path), fl.Sequential.from_safetensors(path)][1],
    "pickle": lambda net, path: pickle.loads(pickle.dumps(net)),
}


@pytest.mark.parametrize(("entry", "options"), SAVED)
def test_every_layer_comes_back_from_a_file(entry, options, tmp_path):
    net, x = network(entry, **options)
    for way, there_and_back in WAYS.items():
        if way == "safetensors" and not importlib.util.find_spec("safetensors"):
            continue
        again = there_and_back(net, tmp_path / way)
        for each in (net, again):
            each.reset_state()
        np.testing.assert_array_equal(again.predict(x), net.predict(x))
        assert [*map(repr, again.layers), repr(again.loss_layer)] == [*map(repr, net.layers), repr(net.loss_layer)]
        layer = again.loss_layer if entry.is_loss else again.layers[0 if entry.kind == "sequence" else 1]
        for name, value in options.items():
            assert getattr(layer, name) == value, way


def test_every_layer_of_an_onnx_file_can_be_c():
    """But what goes through a sequence from its end as well."""
    assert {*OPERATORS} - {*NAMES} == {"TimeBiLSTM"}
    assert {*NAMES} <= {*OPERATORS}


@pytest.mark.parametrize(("entry", "options"), SAVED)
def test_every_layer_has_its_operator_in_onnx(entry, options, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    net, x = network(entry, **options)
    net.to_onnx(tmp_path / "model.onnx", input_shape=x.shape[1:])
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    (y,) = session.run(None, {session.get_inputs()[0].name: x})[:1]
    np.testing.assert_allclose(y, net.predict(x), rtol=1e-5, atol=1e-6)


def test_weights_in_fortrans_order_come_back(tmp_path):
    W, x = np.arange(12, dtype=np.float32).reshape(3, 4), np.eye(3, dtype=np.float32)
    net = fl.Sequential([fl.Affine(np.asfortranarray(W))], fl.SoftmaxWithLoss())
    for way, there_and_back in WAYS.items():
        if way != "safetensors" or importlib.util.find_spec("safetensors"):
            np.testing.assert_array_equal(there_and_back(net, tmp_path / way).predict(x), W)
