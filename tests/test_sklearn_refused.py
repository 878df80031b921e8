"""A call that an estimator refuses, or that fails, leaves it as it was; and what is refused says what is wrong."""

import copy

import joblib
import numpy as np
import pytest
from kit import INTERNAL

pytest.importorskip("sklearn")

from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from fastlayers.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.thread_unsafe(reason="looks at the process's random state"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # of what overflows
]

X, y = load_iris(return_X_y=True)
X = scale(X)
NAN, WIDE = np.where(np.arange(600).reshape(150, 4) == 77, np.nan, X), np.hstack([X, X])


class Faulty:
    """A callback that raises once it is told to."""

    error = None

    def on_epoch_end(self, training):
        if self.error and training.epoch == 1:
            raise self.error


def an_estimator(kind=MLPClassifier, **parameters):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 3, "tol": 0, "n_iter_no_change": 50, "dropout": 0.1}
    return kind(**settings | parameters)


FAULTS = {
    "X with nan": ((NAN, y), {}),
    "X of other features and X_val of these": ((WIDE, y), {"X_val": X, "y_val": y}),
    "X that overflows": ((1e300 * X, y), {}),
    "y too short": ((X, y[1:]), {}),
    "y of several columns": ((X, np.stack([y, y], axis=1)), {}),
    "other classes and X_val with nan": ((X, np.array(list("abc"))[y]), {"X_val": NAN, "y_val": y}),
    "y_val of other classes": ((X, y), {"X_val": X, "y_val": y + 1}),
    "X_val alone": ((X, y), {"X_val": X}),
    "a negative weight": ((X, y, np.where(y == 1, -1.0, 1.0)), {}),
    "weights of validation that are 0": ((X, y), {"X_val": X, "y_val": y, "sample_weight_val": np.zeros(150)}),
}
STARTS = ["new", "fitted", "warm_start", "partial_fit", "first partial_fit"]


def started(start, **parameters):
    """An estimator, the call that goes on with it, and what that call is also given."""
    parameters = {"random_state": np.random.RandomState(5), "early_stopping": start != "fitted"} | parameters
    estimator = an_estimator(warm_start=start == "warm_start", **parameters)
    if "partial_fit" not in start:
        return (estimator if start == "new" else estimator.fit(X, y)), "fit", {}
    classes = {"classes": [0, 1, 2]}
    return estimator if "first" in start else estimator.partial_fit(X, y, **classes), "partial_fit", classes


def assert_refused_without_a_trace(estimator, method, given, args=(X, y), keywords=None, error=ValueError):
    """Neither attributes nor random states change, and the next call does what it would have done."""
    twin = copy.deepcopy(estimator)
    before = joblib.hash(vars(estimator))
    with pytest.raises(error) as caught:
        getattr(estimator, method)(*args, **given | (keywords or {}))
    assert not INTERNAL.search(str(caught.value))
    assert joblib.hash(vars(estimator)) == before
    for each in (estimator, twin):
        for callback in each.callbacks:
            callback.error = None
        getattr(each, method)(X, y, **given)
    assert estimator.loss_curve_ == twin.loss_curve_
    assert all(map(np.array_equal, estimator.network_.params, twin.network_.params))


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_refused_call_changes_nothing(start, fault):
    assert_refused_without_a_trace(*started(start), *FAULTS[fault])


@pytest.mark.parametrize("start", STARTS[:3])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_callback_that_raises_changes_nothing(start, error):
    callback = Faulty()
    estimator, method, given = started(start, callbacks=[callback])
    callback.error = error
    if error is OSError:
        assert_refused_without_a_trace(estimator, method, given, error=error)
    else:  # as Ctrl-C: what was learned is kept
        with pytest.warns(UserWarning, match="interrupted"):
            estimator.fit(X, y)
        assert estimator.n_iter_ == 2


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("parameters", [{"class_weight": {9: 1.0}}, {"hidden_layer_sizes": (0,)}, {"dropout": [1.0]}])
def test_parameters_that_are_refused_change_nothing(start, parameters):
    estimator, method, given = started(start)
    kept = {name: estimator.get_params()[name] for name in parameters}
    estimator.set_params(**parameters)
    before = joblib.hash(vars(estimator))
    with pytest.raises(ValueError, match=r"not in class_weight|\[0\]|1\.0"):
        getattr(estimator, method)(X, y, **given)
    assert joblib.hash(vars(estimator)) == before
    getattr(estimator.set_params(**kept), method)(X, y, **given)


def test_the_random_state_of_the_process_is_given_back():
    np.random.seed(3)  # noqa: NPY002  (that of random_state=None)
    before = joblib.hash(np.random.get_state())  # noqa: NPY002
    with pytest.raises(ValueError, match="non-finite"):
        an_estimator().fit(1e300 * X, y)
    assert joblib.hash(np.random.get_state()) == before  # noqa: NPY002


def test_while_it_trains_an_estimator_answers_as_before():
    seen = []
    estimator = an_estimator(random_state=0, warm_start=True).fit(X, y)
    before = estimator.predict_proba(X)
    estimator.set_params(callbacks=[lambda training: seen.append(estimator.predict_proba(X))])
    network, layers = estimator.network_, list(estimator.network_.layers)
    estimator.fit(X, y)
    assert len(seen) == 3
    assert all(np.array_equal(probabilities, before) for probabilities in seen)
    assert not np.array_equal(estimator.predict_proba(X), before)
    assert estimator.network_ is network
    assert network.layers == layers


def test_names_of_features_go_when_X_has_none():
    pandas = pytest.importorskip("pandas")
    estimator = an_estimator().fit(pandas.DataFrame(X, columns=list("abcd")), y)
    assert estimator.feature_names_in_.tolist() == list("abcd")
    assert not hasattr(estimator.fit(X, y), "feature_names_in_")


# What is not finite


@pytest.mark.parametrize(
    ("kind", "parameters", "factor", "what"),
    [
        (MLPClassifier, {}, 1e160, "optimizer state, which makes its steps 0 or nan"),
        (MLPClassifier, {"early_stopping": True}, 1e160, "optimizer state"),
        (MLPClassifier, {"solver": "sgd"}, 1e306, "parameter weights"),
        (MLPClassifier, {"solver": "sgd", "early_stopping": True}, 1e306, "parameter weights"),
        (MLPRegressor, {"solver": "sgd", "early_stopping": True}, 1e306, "parameter weights"),
        (
            MLPRegressor,
            {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 9},
            1.0,
            r"loss \(inf\), on the way to",
        ),
        (MLPRegressor, {}, 1e300, "parameter weights"),
        (MLPRegressor, {"solver": "lbfgs", "dropout": 0.0}, 1e200, "gradient"),
    ],
)
@pytest.mark.parametrize("start", ["new", "fitted"])
def test_training_that_is_not_finite(kind, parameters, factor, what, start):
    estimator = an_estimator(kind, random_state=0)
    if start == "fitted":
        estimator.fit(X, y)
    estimator.set_params(**parameters)
    before = joblib.hash(vars(estimator))
    with pytest.raises(ValueError, match=f"Solver produced non-finite {what}") as caught:
        estimator.fit(factor * X, y)
    assert "the estimator is as it was before the call" in str(caught.value)
    assert joblib.hash(vars(estimator)) == before


SINGLE = X.astype(np.float32)
LARGE = np.where(np.arange(600).reshape(150, 4) == 77, 1e39, X)
LARGEST = r"which is too large for float32, the dtype that is trained in: its largest number is 3\.40\d+e\+38"


@pytest.mark.parametrize("form", [np.asarray, csr_array, list])
def test_numbers_beyond_the_dtype_that_is_trained_in(form):
    estimator = an_estimator(random_state=0, warm_start=True).fit(SINGLE, y)
    calls = [
        lambda: estimator.partial_fit(form(LARGE), y),
        lambda: estimator.fit(form(LARGE), y),
        lambda: estimator.fit(SINGLE, y, X_val=form(LARGE), y_val=y),
        lambda: estimator.predict(form(LARGE)),
    ]
    before = joblib.hash(vars(estimator))
    for call in calls:
        with pytest.raises(ValueError, match=rf"X has 1e\+39 at index \(19, 1\), {LARGEST}"):
            call()
    assert joblib.hash(vars(estimator)) == before
    assert an_estimator().fit(LARGE / 1e39, y).predict(form(LARGE)).shape == (150,)  # float64 holds them


def test_targets_and_weights_beyond_the_dtype_that_is_trained_in():
    large = np.where(np.arange(150) == 3, 1e39, 1.0)
    with pytest.raises(ValueError, match=rf"y has 1e\+39 at index \(3, 0\), {LARGEST}"):
        an_estimator(MLPRegressor).fit(SINGLE, large)
    with pytest.raises(ValueError, match=rf"sample_weight has 1e\+39 at row 3, {LARGEST}"):
        an_estimator().fit(SINGLE, y, large)
    with pytest.raises(ValueError, match=rf"class_weight has 1e\+39 at row 50, {LARGEST}"):
        an_estimator(class_weight={0: 1, 1: 1e39, 2: 1}).fit(SINGLE, y)
    with pytest.raises(ValueError, match=r"sample_weight must have a finite sum over the samples, not inf"):
        an_estimator().fit(X, y, np.full(150, 1e307))


# What is masked

MASKED_X, MASKED_Y, MASKED_W = (np.ma.masked_array(a, mask=a == a.max()) for a in (X, y, np.arange(1.0, 151)))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_masked_entries_are_refused(kind):
    estimator = an_estimator(kind, random_state=0).fit(X, np.ma.masked_array(y))  # a mask over nothing may be
    calls = [("fit", (MASKED_X, y), {}, "X"), ("fit", (X, MASKED_Y), {}, "y"), ("fit", (X, y, MASKED_W), {}, "sample")]
    calls += [("score", *call[1:]) for call in calls] + [("partial_fit", *call[1:]) for call in calls]
    calls += [("fit", (X, y), {"X_val": MASKED_X, "y_val": y}, "X_val"), ("predict", (MASKED_X,), {}, "X")]
    calls += [("fit", (X, y), {"X_val": X, "y_val": MASKED_Y}, "y_val")]
    calls += [("fit", (X, y), {"X_val": X, "y_val": y, "sample_weight_val": MASKED_W}, "sample_weight_val")]
    if kind is MLPClassifier:
        calls += [("predict_proba", (MASKED_X,), {}, "X"), ("predict_log_proba", (MASKED_X,), {}, "X")]
    before = joblib.hash(vars(estimator))
    for method, args, keywords, name in calls:
        with pytest.raises(ValueError, match=f"^{name}.* has masked entries, which stand for no number: fill them"):
            getattr(estimator, method)(*args, **keywords)
    assert joblib.hash(vars(estimator)) == before


# What messages name


def test_warm_start_with_other_classes_says_so():
    estimator = an_estimator(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"same classes as .* Previously got \[0 1 2\], `y` has \[0 1 3\]"):
        estimator.fit(X, np.where(y == 2, 3, y))


@pytest.mark.parametrize(
    ("classes", "named"),
    [(["ham", "spam"], r"\['spam'\]"), ([False, True], r"\['True'\]"), ([0, 1], r"\['True'\]"), ([-3, 7], r"\[7\]")],
)
def test_a_class_of_one_sample_is_named_as_it_was_given(classes, named):
    labels = np.array(classes)[(np.arange(150) == 5).astype(int)]
    with pytest.raises(ValueError, match=f"only 1 member.*Classes with too few members are: {named}"):
        an_estimator(early_stopping=True).fit(X, labels)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_estimator_does_not_go_on_with_layers_that_are_frozen(solver):
    estimator = an_estimator(warm_start=True, solver=solver, dropout=0.0).fit(X, y)
    estimator.network_.layers[2].frozen = True
    with pytest.raises(ValueError, match=r"layer 2 of network_ is frozen, and an estimator trains all of them"):
        estimator.fit(X, y)
    assert estimator.predict(X).shape == y.shape
    estimator.network_.unfreeze()
    estimator.fit(X, y)
