"""What does not fit the network is told of the user's whole arrays, wherever a batch begins."""

import copy

import numpy as np
import pytest
from fitting import LABELS, ONE_HOT, Noise, X, network, same, with_one

import fastlayers as fl

pytestmark = pytest.mark.usefixtures("implementation")

# What stands behind the last affine layer, the loss, t, and what is said of it.
LATE_LABEL, BITS = with_one(LABELS, 45, 7), with_one(ONE_HOT, (45, 1), 2.0)
MISFITS = {
    "a label, behind others": (
        [fl.Relu(), fl.Dropout(0.1)],
        fl.SoftmaxWithLoss(),
        LATE_LABEL,
        "label 7 at row 45 is out",
    ),
    "a label, behind one's own": ([Noise()], fl.SoftmaxWithLoss(), LATE_LABEL, "label 7 at row 45 is out"),
    "a label that no batch has": (
        [],
        fl.SoftmaxWithLoss(ignore_index=-1),
        with_one(LABELS, 45, -2),
        "label -2 at row 45 is out",
    ),
    "numbers": (
        [],
        fl.MeanSquaredError(),
        X,
        r"t of shape \(50, 4\) does not fit outputs of shape \(50, 3\): t must have shape",
    ),
    "numbers with outliers": ([], fl.HuberLoss(), X, r"t of shape \(50, 4\) does not fit outputs of shape \(50, 3\)"),
    "numbers, behind one's own": ([Noise()], fl.MeanSquaredError(), X, r"t of shape \(50, 4\) does not fit outputs"),
    "bits": ([], fl.SigmoidWithLoss(), BITS, r"target 2.0 at index \(45, 1\) is outside \[0, 1\]"),
    "no class counts": ([], fl.SoftmaxWithLoss(weight=[0, 0, 0]), LABELS, "the loss has a weight of 0 for every class"),
    "all ignored": (
        [],
        fl.SoftmaxWithLoss(ignore_index=7),
        LABELS * 0 + 7,
        "none of the 50 samples counts: their labels",
    ),
    "no class that there is": ([], fl.SoftmaxWithLoss(weight=[0, 1, 0]), LABELS * 0, "none of the 50 samples counts"),
}


@pytest.mark.parametrize(("more", "loss", "t", "message"), MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_is_told_of_the_whole_arrays(more, loss, t, message):
    net = network(loss=loss)
    net.layers += more
    before = copy.deepcopy(net)
    with pytest.raises(ValueError, match=message):
        net.fit(X, t, batch_size=8, shuffle=False)
    if not any(isinstance(layer, Noise) for layer in more):
        assert same(net, before)


def test_so_is_validation_data_however_large():
    x, t, net = np.tile(X, (30, 1)), with_one(np.tile(LABELS, 30), 1045, 7), network()
    before = copy.deepcopy(net)
    for given, message in (
        ((x[:, :3], LABELS.repeat(30)), r"validation x of shape \(1500, 3\) does not fit W of shape \(4, 6\)"),
        ((x, t), r"validation label 7 at row 1045 is outside \[0, 3\)"),
        ((x, x), r"t of shape \(1500, 4\) does not fit validation outputs of shape \(1500, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            net.fit(X, LABELS, validation_data=given)
    assert same(net, before)


def test_what_a_layer_of_ones_own_makes_of_it_is_told_with_its_rows():
    net = network()
    net.layers.insert(0, Noise())
    with pytest.raises(ValueError, match=r"x of shape \(8, 3\) does not fit W") as caught:
        net.fit(X[:, :3], LABELS, batch_size=8, shuffle=False)
    assert caught.value.__notes__ == ["in a batch of 8 rows (0, 1, 2, 3, 4, 5, 6, 7) of x of shape (50, 3)"]
