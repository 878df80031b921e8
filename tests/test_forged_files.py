"""Model files with a right checksum over what no save has written: each is refused by the name of what is wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import every_kind, refusal, tiny

import fastlayers as fl
from fastlayers.formats import description

NAN, INF = float("nan"), float("inf")
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def npz(header: str, arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, header=np.array(header.encode()), **arrays)
    return stream.getvalue()


def safetensors(header: str, arrays: dict[str, Any]) -> bytes:
    package = pytest.importorskip("safetensors.numpy")
    return bytes(package.save(arrays, metadata={"fastlayers": header}))


FORMATS = {"npz": (npz, fl.Sequential.load), "safetensors": (safetensors, fl.Sequential.from_safetensors)}


@pytest.fixture(params=FORMATS)
def forge(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Change], str]:
    """What a load says of a network's file after a change of its header and arrays."""
    written, load = FORMATS[request.param]

    def forge(change: Change) -> str:
        network = every_kind()
        text, arrays = description.describe(network)
        header = json.loads(text)
        change(header, arrays)
        header["sha256"] = description.digest(header, arrays)
        path = tmp_path / "m"
        path.write_bytes(written(json.dumps(header), arrays))
        return refusal(path, load).removeprefix(f"{path}: ")

    return forge


def header(**entries: Any) -> Change:
    return lambda header, arrays: header.update(entries)


def layer(place: int, **entries: Any) -> Change:
    return lambda header, arrays: header["layers"][place].update(entries)


def loss(**options: Any) -> Change:
    return header(loss_options=options)


def arrays(**changed: Any) -> Change:
    return lambda header, arrays: arrays.update({name.replace("_", "."): array for name, array in changed.items()})


ONE_EACH = "finite floats from 0, one for each class"
FORGED: dict[str, tuple[Change, str]] = {
    "version true": (header(version=True), "of version True; this fastlayers reads version 1"),
    "version 1.0": (header(version=1.0), "of version 1.0; this fastlayers reads version 1"),
    "too many weights": (loss(weight=[1.0] * 3), "its loss has 3 class weights; expected one for each of the 2"),
    "no weights": (loss(weight=[]), "its loss has 0 class weights; expected one for each of the 2 outputs"),
    "a weight that is nan": (loss(weight=[1.0, NAN]),
        f"its loss has the option weight=[1.0, nan]; expected {ONE_EACH}"),
    "a weight that is infinite": (loss(weight=[INF, 1.0]), f"the option weight=[inf, 1.0]; expected {ONE_EACH}"),
    "a negative weight": (loss(weight=[-1.0, 1.0]), f"the option weight=[-1.0, 1.0]; expected {ONE_EACH}"),
    "a weight beyond the dtype": (loss(weight=[1.0, 1e39]), "the weight 1e+39 for class 1, which float32 cannot hold"),
    "weights in weights": (loss(weight=[[1.0], [1.0]]), "its loss has the option weight=[[1.0], [1.0]]; expected"),
    "a long weight": (loss(weight=[-1.0] * 999), f"-1.0, -1.0, ...]; expected {ONE_EACH}"),
    "negative smoothing": (loss(label_smoothing=-0.5), "label_smoothing=-0.5; expected a float from 0 to 1"),
    "smoothing by nan": (loss(label_smoothing=NAN), "label_smoothing=nan; expected a float from 0 to 1"),
    "smoothing by true": (loss(label_smoothing=True), "label_smoothing=True; expected a float from 0 to 1"),
    "half a label": (loss(ignore_index=0.5), "the option ignore_index=0.5; expected an integer"),
    "a label true": (loss(ignore_index=True), "the option ignore_index=True; expected an integer"),
    "reduction by number": (loss(reduction=3), "the option reduction=3; expected one of mean, sum, none"),
    "reductions": (loss(reduction=["sum"]), "the option reduction=['sum']; expected one of mean, sum, none"),
    "another option": (loss(gamma=2.0), "its loss has the option gamma=2.0, which this version does not know"),
    "a list of options": (header(loss_options=[1]), "its header has loss_options=[1]; expected dict"),
    "a slope that is nan": (layer(5, options={"negative_slope": NAN}),
        "layer 5 has the option negative_slope=nan; expected a finite float"),
    "a slope that is infinite": (layer(5, options={"negative_slope": INF}), "negative_slope=inf; expected a finite"),
    "dropping seven times": (layer(1, options={"p": 7.0}), "layer 1 has the option dropout_ratio=7.0; expected"),
    "options that are none": (layer(1, options=None), "layer 1 has options=None; expected dict"),
    "another kind": (layer(1, kind="Maxout"), "layer 1 is 'Maxout'; expected one of Affine, AveragePooling"),
    "a kind of another type": (layer(1, kind=["Relu"]), "layer 1 has kind=['Relu']; expected str"),
    "parameters of another type": (layer(0, params="Wb"), "layer 0 has params='Wb'; expected list"),
    "parameters in another order": (layer(0, params=["b", "W"]),
        "layer 0 is 'Affine' with the parameters ['b', 'W']; expected ['W', 'b'] or ['W']"),
    "a product with a bias": (layer(0, kind="MatMul"),
        "layer 0 is 'MatMul' with the parameters ['W', 'b']; expected ['W']"),
    "layers that are none": (header(layers=["Relu"]), "layer 0 is 'Relu'; expected dict"),
    "another loss": (header(loss="Hinge"), "its loss is 'Hinge'; expected HuberLoss, MeanSquaredError"),
    "a loss of another type": (header(loss=["Hinge"]), "its header has loss=['Hinge']; expected str"),
    "a dtype of another type": (header(dtype=["float32"]), "its header has dtype=['float32']; expected str"),
    "a bias too long": (arrays(**{"0_b": np.ones(3, "f4")}), "layer 0 has parameters of shapes [(2, 2), (3,)]"),
    "a vector for W": (arrays(**{"2_W": np.ones(2, "f4")}), "layer 2 has parameters of shapes [(2,), (2,)]"),
    "layers that do not follow": (arrays(**{"2_W": np.ones((5, 2), "f4")}),
        "layer 2 has parameters of shapes [(5, 2), (2,)]; expected W (2, M) and b (M,)"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), FORGED.values(), ids=FORGED)
def test_what_no_save_has_written(forge: Callable[[Change], str], change: Change, message: str) -> None:
    assert message in forge(change)


# What would be refused is not saved


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": [1.0, 2.0, 3.0]}, r"3 class weights; expected one for each of the 2 outputs"),
        ({"weight": [1.0, -2.0]}, rf"has weight=\[1\.0, -2\.0\], which .*: expected {ONE_EACH}"),
        ({"weight": [1.0, 1e39]}, r"1e\+39 for class 1, which float32 cannot hold"),
        ({"label_smoothing": 1.5}, "has label_smoothing=1.5, which .*: expected a float from 0 to 1"),
    ],
)
def test_what_a_load_would_refuse_is_not_saved(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    network = tiny()
    network.loss_layer = fl.SoftmaxWithLoss(**options)
    with pytest.raises(ValueError, match=message):
        network.save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("slope", [NAN, INF])
def test_a_slope_that_no_file_may_have_makes_no_layer(slope: float) -> None:
    with pytest.raises(ValueError, match=f"negative_slope must be finite, not {slope}"):
        fl.LeakyRelu(slope)
