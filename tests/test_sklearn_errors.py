"""What estimators refuse or warn of, and what they say."""

import itertools

import numpy as np
import pytest

pytest.importorskip("sklearn")

from estimators import quick, unconverged
from kit import INTERNAL
from sklearn.exceptions import ConvergenceWarning

import fastlayers as fl
from fastlayers.sklearn import MLPRegressor
from fastlayers.sklearn._network import ACTIVATIONS
from fastlayers.sklearn._samples import hold_out

pytestmark = pytest.mark.thread_unsafe(reason="changes warnings, which are the process's")


def drawn_weights(*sizes):
    """The random state of `quick`, after the weights of a network of such sizes were drawn from it."""
    random_state = np.random.RandomState(0)
    random_state.uniform(size=sum((inputs + 1) * outputs for inputs, outputs in itertools.pairwise(sizes)))
    return random_state


REFUSED = [
    ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes must be whole numbers > 0, got \[3, 0\]"),
    ({"activation": ["relu", "tanh"]}, "activation has 2 names, but there are 1 hidden layers"),
    ({"activation": ["softmax"]}, f"activation must be of {', '.join(ACTIVATIONS)}; got 'softmax'"),
    ({"activation": "softmax"}, "The 'activation' parameter of MLPClassifier must be"),
    ({"dropout": [0.1, 0.2]}, "dropout has 2 rates, but there are 1 hidden layers"),
    ({"dropout": [1.0]}, r"dropout must be numbers from 0 to below 1, got \[1.0\]"),
    ({"dropout": 1.0}, "The 'dropout' parameter of MLPClassifier must be"),
    ({"alpha": -1}, "The 'alpha' parameter of MLPClassifier must be"),
    ({"dropout": 0.5, "solver": "lbfgs"}, "dropout, callbacks and X_val are for solver='sgd' or 'adam'"),
    ({"callbacks": [print], "solver": "lbfgs"}, "dropout, callbacks and X_val are for solver='sgd' or 'adam'"),
    ({"callbacks": [3]}, r"callbacks\[0\] must be a function or have one of on_fit_begin"),
    ({"early_stopping": True, "validation_fraction": 0.005}, "validation set is too small"),
]


@pytest.mark.parametrize(("parameters", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_parameters_that_are_refused(iris, parameters, message):
    estimator = quick(**parameters)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        estimator.fit(*iris)
    assert not INTERNAL.search(str(caught.value))
    assert not hasattr(estimator, "loss_")


def test_data_that_is_refused(iris):
    X, y = iris
    for arguments, message in (
        ((X, y, -np.ones(150)), "sample_weight must not be negative"),
        ((X, y, np.zeros(150)), "zero"),
        ((X, np.stack([y, y], axis=1)), "several columns"),
    ):
        with pytest.raises(ValueError, match=message):
            quick().fit(*arguments)
    with pytest.raises(ValueError, match="X_val and y_val are given together"):
        quick().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="X_val are for solver='sgd' or 'adam': 'lbfgs' has no epochs"):
        quick(solver="lbfgs").fit(X, y, X_val=X, y_val=y)
    for purpose, weights in (("to train on", [1.0, 0.0]), ("to score on", [0.0, 1.0])):
        held = set(hold_out(150, 0.1, drawn_weights(4, 8, 3))[1])
        with pytest.raises(ValueError, match=f"sample_weight is zero for every sample {purpose}"):
            quick(early_stopping=True).fit(X, y, [weights[i not in held] for i in range(150)])
    with pytest.raises(ValueError, match="y must not be negative for loss='poisson', but there is -1"):
        quick(MLPRegressor, loss="poisson").fit(X, y - 1)


@unconverged
def test_later_data_that_does_not_fit(iris):
    X, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        quick().partial_fit(X, y)
    with pytest.raises(ValueError, match="class_weight='balanced' is not for partial_fit"):
        quick(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes not in `self.classes_`, which are \[0 1 2\]: \[3\]"):
        quick().partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="y must have 2 outputs, as before, not 1"):
        quick(MLPRegressor).partial_fit(X, X[:, :2]).partial_fit(X, y)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes"):
        quick(warm_start=True).fit(X, y).fit(X[:100], y[:100])
    with pytest.raises(ValueError, match="dropout and loss must be what they were when training began"):
        quick().fit(X, y).set_params(dropout=0.5).partial_fit(X, y)
    with pytest.raises(AttributeError, match="partial_fit"):
        quick(solver="lbfgs").partial_fit  # noqa: B018


@unconverged
def test_weights_that_become_infinite(iris):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite parameter weights"):
        quick(MLPRegressor, solver="sgd", learning_rate_init=1e6).fit(iris[0], iris[1])


def test_warnings(iris):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(20\) reached"):
        quick().fit(*iris)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 3 iterations"):
        quick(solver="lbfgs", max_iter=3).fit(*iris)
    with pytest.warns(UserWarning, match="batch_size=1000 is larger than the number of samples, 150"):
        quick(batch_size=1000, tol=10).fit(*iris)


def test_lbfgs_prints_its_iterations(iris, capsys):
    fitted = quick(solver="lbfgs", alpha=1, max_iter=1000, tol=1e-4, verbose=True).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == fitted.n_iter_ < 1000
    assert lines[-1] == f"Iteration {fitted.n_iter_}, loss = {fitted.loss_:.8f}"


def test_an_interrupted_fit_keeps_what_it_has_learned(iris, monkeypatch):
    def interrupt(network, *args, gradient=fl.Sequential._backpropagate, steps=[]):  # noqa: B006  (a counter)
        steps.append(1)
        if len(steps) > 3:
            raise KeyboardInterrupt
        return gradient(network, *args)

    monkeypatch.setattr(fl.Sequential, "_backpropagate", interrupt)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        fitted = quick().fit(*iris)
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 3
    assert fitted.predict(iris[0]).shape == (150,)
