"""What an estimator keeps from one call to the next, and in a pickle."""

import copy
import gc
import pickle

import joblib
import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from fastlayers.sklearn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
X = scale(X)
WIDE = np.random.default_rng(0).standard_normal((150, 64))


def an_estimator(**parameters):
    return MLPClassifier(**{"max_iter": 20, "tol": 0, "random_state": 0, "learning_rate_init": 0.01} | parameters)


def numbers_of(estimator):
    """The bytes of parameters and of the optimizer's state."""
    optimizer = getattr(estimator, "_optimizer", None)
    states = [state for name in "mv" for state in getattr(optimizer, name, {}).values()]
    return sum(array.nbytes for array in [*estimator.network_.params, *states])


def in_parts(estimator):
    return estimator.partial_fit(WIDE, y, classes=[0, 1, 2])


FITTED = {
    "adam": lambda: an_estimator().fit(WIDE, y),
    "adam in float32": lambda: an_estimator().fit(WIDE.astype(np.float32), y),
    "lbfgs": lambda: an_estimator(solver="lbfgs").fit(WIDE, y),
    "early stopping": lambda: an_estimator(early_stopping=True).fit(WIDE, y),
    "early stopping by plain sgd": lambda: an_estimator(early_stopping=True, solver="sgd", momentum=0).fit(WIDE, y),
    "a validation set": lambda: an_estimator().fit(WIDE, y, X_val=WIDE, y_val=y),
    "warm start": lambda: an_estimator(early_stopping=True, warm_start=True).fit(WIDE, y).fit(WIDE, y),
    "partial_fit with early stopping": lambda: in_parts(an_estimator(early_stopping=True)),
}


@pytest.mark.parametrize("how", FITTED)
def test_a_pickle_holds_parameters_and_optimizer_and_little_else(how, tmp_path):
    estimator = FITTED[how]()
    joblib.dump(estimator, tmp_path / "model.joblib")
    sizes = len(pickle.dumps(estimator)), (tmp_path / "model.joblib").stat().st_size
    assert max(sizes) < 1.3 * numbers_of(estimator)


COPIES = {
    "pickle": lambda estimator, path: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": lambda estimator, path: copy.deepcopy(estimator),
    "joblib": lambda estimator, path: joblib.load(joblib.dump(estimator, path / "model")[0]),
    "joblib, mapped": lambda estimator, path: joblib.load(joblib.dump(estimator, path / "model")[0], mmap_mode="r"),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("last_is_best", [True, False])
def test_a_copy_goes_on_as_the_original_does(how, last_is_best, tmp_path):
    original = in_parts(an_estimator(early_stopping=True, n_iter_no_change=8))
    scores = original.validation_scores_
    while (scores[-1] == original.best_validation_score_) != last_is_best:
        in_parts(original)
    assert not original.stopped_early_
    copied = COPIES[how](original, tmp_path)
    for estimator in (original, copied):
        while not estimator.stopped_early_:
            in_parts(estimator)
    assert original.loss_curve_ == copied.loss_curve_
    assert original.validation_scores_ == copied.validation_scores_
    assert all(map(np.array_equal, original.network_.params, copied.network_.params))
    assert all(map(np.array_equal, original._optimizer.v.values(), copied._optimizer.v.values()))
    assert not hasattr(clone(copied), "network_")


def test_partial_fit_takes_the_best_of_all_calls_back():
    estimator = an_estimator(early_stopping=True, n_iter_no_change=8)
    seen = []
    while not getattr(estimator, "stopped_early_", False):
        seen.append([param.copy() for param in in_parts(estimator).network_.params])
    best = int(np.argmax(estimator.validation_scores_))
    assert best < len(seen) - 8
    assert all(map(np.array_equal, estimator.network_.params, seen[best]))


def test_warm_start_with_early_stopping_starts_a_new_best():
    """Scores of other data are no measure: the old best would never be reached, and would be taken back."""
    estimator = an_estimator(early_stopping=True, warm_start=True, max_iter=300, n_iter_no_change=30)
    estimator.fit(X, y)
    assert estimator.best_validation_score_ > 0.9
    epochs, others = len(estimator.validation_scores_), np.random.default_rng(0).integers(0, 2, 150)
    estimator.fit(X, np.where(others, (y + 1) % 3, y))  # no score of these can be as good
    assert estimator.n_iter_ > 30 + 1
    assert estimator.best_validation_score_ == max(estimator.validation_scores_[epochs:]) < 0.9
    assert len(estimator.validation_scores_) == epochs + estimator.n_iter_
    assert estimator.fit(X, (y + 1) % 3).score(X, (y + 1) % 3) > 0.9


def test_lbfgs_leaves_nothing_of_another_solver_to_go_on_with():
    """Neither the means of gradients nor the best weights of a network that is gone, whatever its shape."""
    estimator = an_estimator(early_stopping=True)
    for _ in range(5):
        in_parts(estimator)
    estimator.set_params(solver="lbfgs", early_stopping=False).fit(X, y)
    assert not hasattr(estimator, "loss_curve_")
    fresh = an_estimator(solver="lbfgs").fit(X, y)
    for going_on in (estimator, fresh):
        going_on.set_params(solver="adam", early_stopping=True, n_iter_no_change=1, tol=1.0)
        for _ in range(3):
            going_on.partial_fit(X, y)
    assert estimator.stopped_early_
    assert estimator.loss_curve_ == fresh.loss_curve_
    assert all(map(np.array_equal, estimator.coefs_, fresh.coefs_))


def test_lbfgs_that_goes_on_keeps_the_curve_but_no_state_of_the_optimizer():
    estimator = an_estimator(warm_start=True).fit(X, y)
    estimator.set_params(solver="lbfgs").fit(X, y)
    assert len(estimator.loss_curve_) == 20
    assert estimator.set_params(solver="adam").partial_fit(X, y)._optimizer.t == 1


@pytest.mark.thread_unsafe(reason="counts what the garbage collector finds")
def test_a_training_leaves_nothing_to_the_garbage_collector():
    """Its copies of network and optimizer go at once, whatever the size of a call of partial_fit."""
    estimator = an_estimator()
    in_parts(estimator)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        in_parts(estimator)
        gc.collect()
        # Other tests of the same process may leave classes of ctypes behind, which are collected whenever they like.
        assert not [each for each in gc.garbage if type(each).__module__.startswith("fastlayers")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
