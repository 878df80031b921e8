"""The loss as others have it: every case of ONNX's operator and every input of PyTorch's own module test, captured."""

import json
from pathlib import Path

import numpy as np
import pytest

import fastlayers as fl

ARCHIVE = Path(__file__).parent / "data" / "cross_entropy.npz"


def captured():
    with np.load(ARCHIVE) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for case in json.loads(str(arrays.pop("cases"))):
        name, options = case.pop("name"), case.pop("options")
        yield pytest.param(options, {role: arrays[key] for role, key in case.items()}, id=name)


CASES = list(captured())


def test_every_case_is_there():
    names = [case.id for case in CASES]
    assert len([name for name in names if name.startswith("test_sce")]) == 34
    assert len([name for name in names if name.startswith("torch")]) == 105
    assert len(set(names)) == len(names)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize(("options", "arrays"), CASES)
def test_captured_cases(options, arrays):
    x, t = arrays["x"], arrays["t"]
    options = options | ({"weight": arrays["weight"]} if "weight" in arrays else {})
    loss, dx = fl.softmax_cross_entropy(x, t, **options)
    tolerance = {"rtol": 1e-5, "atol": 1e-7} if x.dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(loss, arrays["loss"], **tolerance)
    assert np.shape(loss) == arrays["loss"].shape
    assert dx.dtype == x.dtype
    assert dx.shape == x.shape
    if "dx" in arrays:
        np.testing.assert_allclose(dx, arrays["dx"], **tolerance)
    if "log_prob" in arrays:
        np.testing.assert_allclose(np.log(fl.softmax(x, axis=1)), arrays["log_prob"], **tolerance)
    layer = fl.SoftmaxWithLoss(**options)
    np.testing.assert_array_equal(layer.forward(x, t), loss)
    np.testing.assert_array_equal(layer.backward(), dx)
