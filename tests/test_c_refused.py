"""What no C file is written for: it is said by name, in one line, and nothing is left behind."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import tiny

import fastlayers as fl
from fastlayers.formats.c_names import check_name

W, GATES = np.ones((2, 2)), (np.ones((2, 2)), np.ones((2, 2)), np.ones(2))


class Softsign(fl.Relu):
    pass


def recurrent(size: int = 2) -> Any:
    return fl.TimeRNN(np.ones((2, size)), np.ones((size, size)), np.ones(size))


@pytest.mark.parametrize("name", [
    "", "2nd", "a-b", "a b", "a.b", "p\u00e9", "_p", "a__b", "p;", "p\n", "int", "restrict", "class", "and_eq", "main",
    "exp", "erfcl", "gamma", "y1", "NAN", "isnan", "printf", "memcpy", "size_t", "stdout", "linux", "y", "state",
])  # fmt: skip
def test_a_name_that_c_cannot_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"^name must be .*{re.escape(repr(name))}$"):
        tiny().to_c(tmp_path / "any.c", name)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["REAL", "NAME", "MACRO", "buffer0", "policy_0_W", "samples", "expected", "A", "x"])
def test_a_name_that_it_can(tmp_path: Path, name: str) -> None:
    tiny().to_c(tmp_path / "any.c", name)
    text = (tmp_path / "any.c").read_text()
    assert f"\nvoid {name}(const float *x, float *y);\n" in text
    assert f"#ifdef {name.upper()}_TEST\n" in text


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("conv", "conv"),
        ("my_net", "my_net"),
        ("3d-net", "net_3d_net"),
        ("while", "net_while"),
        ("exp", "net_exp"),
        ("y", "net_y"),
        ("_a__b_", "a_b"),
        ("a net.v2 (*@*)", "a_net_v2"),
        ("NAME", "NAME"),
        ("STEMREAL", "STEMREAL"),
        ("\N{GREEK SMALL LETTER PI}", "net"),
        ("\udcff", "net"),
        ("", "net"),
    ],
)
def test_the_name_that_a_file_gives(tmp_path: Path, file: str, name: str) -> None:
    tiny().to_c(tmp_path / f"{file}.c")
    tiny().to_c(tmp_path / "same.c", name)
    shown = file if re.fullmatch(r"[\w.+-]+", file, re.ASCII) else "FILE"
    assert {path.name for path in tmp_path.iterdir()} == {f"{file}.c", f"{file}.h", "same.c", "same.h"}
    for ending in ("c", "h"):
        same = (tmp_path / f"same.{ending}").read_text()
        expected = same.replace("same.h", f"{shown}.h").replace("same.c", f"{shown}.c")
        assert (tmp_path / f"{file}.{ending}").read_text() == expected
    check_name(name)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="name must be a string, not int"):
        tiny().to_c(tmp_path / "any.c", 3)  # type: ignore[arg-type]  # what a user may do


@pytest.mark.parametrize("name", ["policy", "policy.cpp", "policy.h", "policy.c/", "c"])
def test_a_file_that_no_compiler_takes_for_c(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"^path must end in \.c, "):
        tiny().to_c(f"{tmp_path}/{name}")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("layers", "kind", "message"),
    [
        ([fl.Affine(W), Softsign()], TypeError, r"a C file holds Affine, .*, not test_c_refused\.Softsign$"),
        ([fl.TimeBiLSTM(*[np.ones((2, 8)), np.ones((2, 8)), np.ones(8)] * 2)], TypeError, r", not .*\.TimeBiLSTM$"),
        ([fl.RNN(*GATES)], TypeError, r", not fastlayers\.layers\.rnn\.RNN$"),
        ([fl.Attention()], TypeError, r", not .*\.Attention$"),
        ([fl.Affine(W.astype("f2"))], TypeError, "of float32 or float64, not float16$"),
        ([fl.Affine(W), fl.Affine(W.astype("f4"))], TypeError, "must share one dtype"),
        ([fl.Relu()], ValueError, "no parameters"),
        ([fl.Affine(W), fl.Affine(W, np.array([0, np.nan]))], ValueError, "^layer 1, Affine, has nan in b; "),
        ([fl.Affine(W * np.inf)], ValueError, "^layer 0, Affine, has inf in W; "),
        ([fl.Affine(W * 1e300), fl.Affine(W * 1e300)], ValueError, "predicts -?inf from random numbers"),
        ([fl.Affine(W), fl.Affine(np.ones((3, 2)))], ValueError, "^layer 1 has parameters of shapes"),
        ([fl.Affine(np.ones((2, 0)))], ValueError, r"^layer 0, Affine, gives no numbers: .* \(0,\)$"),
        ([fl.Affine(W), fl.BatchNormalization(W[0], W[0])], ValueError, "^layer 1, BatchNormalization, has no running"),
        ([recurrent(), fl.Affine(W)], ValueError, "^layer 1, Affine, takes all steps of a sequence together; "),
        ([recurrent(), fl.Flatten()], ValueError, "^layer 1, Flatten, takes all steps of a sequence together; "),
        ([fl.Affine(W), fl.Embedding(W)], ValueError, "^layer 1, Embedding, takes indices; .* given numbers$"),
    ],
)
@pytest.mark.filterwarnings("ignore:layer .*the network computes in float")
def test_a_network_that_it_cannot_hold(tmp_path: Path, layers: list[Any], kind: type, message: str) -> None:
    with np.errstate(over="ignore"), pytest.raises(kind, match=message):
        fl.Sequential(layers).to_c(tmp_path / "policy.c")
    assert [*tmp_path.iterdir()] == []


def test_numbers_beside_indices(tmp_path: Path) -> None:
    network = fl.Sequential([fl.Parallel([fl.Sequential([fl.Embedding(W), fl.Flatten()]), fl.Affine(W)])])
    with pytest.raises(ValueError, match=r"layer 0\.1, Affine, takes numbers; in a C file it is given indices$"):
        network.to_c(tmp_path / "policy.c", input_shape=(2,))


def test_probabilities_of_a_loss_that_makes_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"a C file with probabilities holds .*, not .*\.MeanSquaredError$"):
        fl.Sequential([fl.Affine(W)], fl.MeanSquaredError()).to_c(tmp_path / "policy.c", probabilities=True)
    with pytest.raises(ValueError, match=r"SoftmaxWithLoss has the classes of \(None, 2\) along the first axis"):
        fl.Sequential([recurrent()], fl.SoftmaxWithLoss()).to_c(tmp_path / "policy.c", probabilities=True)


@pytest.mark.parametrize("shape", [(3,), (2, 2), (), (0,)], ids=str)
def test_a_shape_that_does_not_fit(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"input_shape .*(does not fit: layer 0 has parameters|must have sizes)"):
        tiny().to_c(tmp_path / "policy.c", input_shape=shape)


@pytest.mark.parametrize("call", range(4))
def test_a_write_that_fails_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Whichever of the two files the disk has no room for."""
    calls = []

    def fsync(*args: Any) -> None:
        calls.append(args)
        if len(calls) > call:
            raise OSError(28, os.strerror(28))

    tiny().to_c(tmp_path / "policy.c")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(os, "fsync", fsync)
    if call < 3:  # the last is of the second file to be renamed, and both are on the disk by then
        with pytest.raises(OSError, match="No space left"):
            fl.Sequential([fl.Affine(W)]).to_c(tmp_path / "policy.c")
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_none_or_a_header_that_cannot_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tiny().to_c(tmp_path / "none" / "policy.c")
    (tmp_path / "policy.h").mkdir()
    with pytest.raises(OSError, match=r"cannot be replaced.*policy\.h"):
        tiny().to_c(tmp_path / "policy.c")
    assert [path.name for path in tmp_path.iterdir()] == ["policy.h"]


def test_the_state_of_the_network_stays(tmp_path: Path) -> None:
    """Though samples are predicted."""
    layer = fl.TimeRNN(*GATES, stateful=True)
    network = fl.Sequential([layer])
    network.predict(np.ones((3, 1, 2)))
    before = layer.h
    network.to_c(tmp_path / "policy.c")
    assert layer.h is before
