"""The estimators as scikit-learn's users know them, and what they have beyond scikit-learn's own."""

import itertools
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from scipy.sparse import csr_array
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import fastlayers as fl
from fastlayers.sklearn import MLPClassifier, MLPRegressor
from fastlayers.sklearn._losses import PoissonWithLoss
from fastlayers.sklearn._network import ACTIVATIONS
from fastlayers.sklearn._samples import hold_out
from fastlayers.testing import numerical_gradient

pytestmark = pytest.mark.thread_unsafe(reason="scikit-learn's checks change warnings, which are the process's")
unconverged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
IRIS = load_iris(return_X_y=True)


@pytest.fixture
def iris():
    X, y = IRIS
    return scale(X), y


def quick(kind=MLPClassifier, **parameters):
    return kind(**({"hidden_layer_sizes": (8,), "max_iter": 20, "tol": 0, "random_state": 0} | parameters))


# What scikit-learn asks of an estimator


@unconverged
@parametrize_with_checks(
    [MLPClassifier(), MLPRegressor(), MLPClassifier(solver="lbfgs", alpha=1), MLPRegressor(solver="lbfgs", alpha=1)]
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_no_check_is_left_out_that_scikit_learns_own_must_pass(kind):
    def names(estimator):
        return {getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(estimator)}

    assert names(kind()) >= names(getattr(theirs, kind.__name__)())


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_parameters_of_scikit_learns_own_with_their_defaults(kind):
    own, other = kind().get_params(), getattr(theirs, kind.__name__)().get_params()
    assert {name: own[name] for name in other} == other
    assert set(own) - set(other) <= {"dropout", "callbacks", "class_weight"}


@unconverged
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_every_parameter_and_attribute_is_documented(kind, iris):
    fitted = quick(kind).fit(*iris)
    learned = [name for name in (*vars(fitted), "coefs_", "intercepts_") if name[0] != "_" and name[-1] == "_"]
    assert len(learned) >= 15
    for name in (*fitted.get_params(), *learned):
        assert re.search(rf"^(\w+, )*{name}(, \w+)* : ", kind.__doc__, re.MULTILINE), name
    assert not re.search("<[a-z]+>", kind.__doc__)  # a place that was not filled


@unconverged
def test_pipeline_and_grid_search(iris):
    pipeline = make_pipeline(StandardScaler(), quick()).set_output(transform="default")
    search = GridSearchCV(pipeline, {"mlpclassifier__dropout": [0.0, 0.2], "mlpclassifier__alpha": [0, 1]}, n_jobs=2)
    search.fit(*iris)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict(iris[0]).shape == (150,)


@unconverged
def test_cross_validation_in_processes_is_that_of_one(iris):
    scores = [cross_val_score(quick(), *iris, cv=3, n_jobs=jobs) for jobs in (1, 2)]
    assert scores[0].tolist() == scores[1].tolist()


@unconverged
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_copies(iris, solver, tmp_path):
    fitted = quick(solver=solver).fit(*iris)
    joblib.dump(fitted, tmp_path / "model.joblib")
    copies = [pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model.joblib"), fitted]
    assert len({copy.predict_proba(iris[0]).tobytes() for copy in copies}) == 1
    if solver != "lbfgs":  # each goes on where the others do
        assert len({tuple(copy.partial_fit(*iris).loss_curve_) for copy in copies}) == 1
    assert not hasattr(clone(fitted), "network_")
    assert clone(fitted).get_params() == fitted.get_params()


@unconverged
def test_arrays_are_the_networks_own(iris):
    fitted = quick().fit(*iris)
    affine = [layer for layer in fitted.network_.layers if isinstance(layer, fl.Affine)]
    assert all(W is layer.W for W, layer in zip(fitted.coefs_, affine, strict=True))
    assert all(b is layer.b for b, layer in zip(fitted.intercepts_, affine, strict=True))
    assert isinstance(fitted.network_, fl.Sequential)
    assert fitted.network_.predict(iris[0]).argmax(axis=1).tolist() == fitted.predict(iris[0]).tolist()
    fitted.partial_fit(*iris)
    assert all(W is layer.W for W, layer in zip(fitted.coefs_, affine, strict=True))


@unconverged
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_is_kept_holds_no_samples(iris, solver):
    X = np.tile(iris[0], (100, 1))
    fitted = quick(solver=solver, max_iter=2).fit(X, np.tile(iris[1], 100))
    assert len(pickle.dumps(fitted)) < X.nbytes / 10


@unconverged
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_the_network_goes_into_a_file_and_comes_back(iris, kind, tmp_path):
    fitted = quick(kind, dropout=0.2, activation="tanh").fit(*iris)
    fitted.network_.save(tmp_path / "network.npz")
    loaded = fl.Sequential.load(tmp_path / "network.npz")
    np.testing.assert_array_equal(loaded.predict(iris[0]), fitted.network_.predict(iris[0]))


# Data


@unconverged
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_dtypes(iris, dtype):
    X, y = iris[0].astype(dtype), iris[1]
    kept = np.dtype(dtype if dtype is np.float32 else np.float64)
    fitted = quick().fit(X, y)
    assert {param.dtype for param in fitted.network_.params} == {kept}
    fitted.partial_fit(X.astype(np.float64), y, np.ones(150))
    assert {param.dtype for param in fitted.network_.params} == {kept}
    assert fitted.predict_proba(X.astype(np.float64)).dtype == kept
    assert quick(MLPRegressor).fit(X, y.astype(float)).predict(X).dtype == kept


@unconverged
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sparse_is_as_dense(iris, solver):
    X, y = np.where(iris[0] > 0, iris[0], 0), iris[1]
    parameters = {"solver": solver, "early_stopping": solver == "adam"}
    dense, sparse = quick(**parameters).fit(X, y), quick(**parameters).fit(csr_array(X), y)
    assert sparse.loss_ == dense.loss_
    np.testing.assert_array_equal(sparse.predict_proba(csr_array(X)), dense.predict_proba(X))


@unconverged
def test_sparse_labels_are_as_dense():
    X, Y = make_multilabel_classification(60, 5, random_state=0)
    assert quick().fit(X, csr_array(Y)).loss_curve_ == quick().fit(X, Y).loss_curve_


@unconverged
def test_one_class_alone():
    X = np.random.default_rng(0).standard_normal((10, 3))
    fitted = quick().fit(X, ["only"] * 10)
    assert fitted.predict(X).tolist() == ["only"] * 10
    assert fitted.predict_proba(X).tolist() == [[1.0]] * 10
    assert fitted.predict_log_proba(X).tolist() == [[0.0]] * 10


@unconverged
def test_logarithms_of_probabilities_are_finite_where_those_are_0(iris):
    fitted = quick().fit(*iris)
    X = 1e4 * iris[0]
    assert (fitted.predict_proba(X) == 0).any()
    assert np.isfinite(fitted.predict_log_proba(X)).all()


@unconverged
def test_a_batch_that_does_not_count_is_passed_over(iris):
    X, y = iris
    weights = np.repeat([1.0, 0.0, 1.0], 50)
    fitted = quick(shuffle=False, batch_size=50, alpha=0.5).fit(X, y, weights)
    counted = np.repeat([True, False, True], 50)
    other = quick(shuffle=False, batch_size=50, alpha=0.5)
    for _ in range(20):
        other.partial_fit(X[counted], y[counted], classes=[0, 1, 2])
    np.testing.assert_allclose(fitted.coefs_[0], other.coefs_[0], rtol=1e-12)


@unconverged
def test_the_reference_trains_the_same(iris):
    compiled = quick().fit(*iris)
    with fl.use_backend("reference"):
        reference = quick().fit(*iris)
    np.testing.assert_allclose(reference.loss_curve_, compiled.loss_curve_, rtol=1e-9)


# Activations and dropout


@unconverged
def test_an_activation_for_each_layer(iris):
    fitted = quick(hidden_layer_sizes=(6, 5, 4), activation=["tanh", "identity", "leaky_relu"]).fit(*iris)
    kinds = [type(layer).__name__ for layer in fitted.network_.layers]
    assert kinds == ["Affine", "Tanh", "Affine", "Affine", "LeakyRelu", "Affine"]


@unconverged
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_one_activation_is_the_same_as_a_list_of_it(iris, activation):
    one = quick(hidden_layer_sizes=(6, 5), activation=activation).fit(*iris)
    assert quick(hidden_layer_sizes=(6, 5), activation=[activation] * 2).fit(*iris).loss_curve_ == one.loss_curve_


@unconverged
def test_dropout_is_for_training_alone(iris):
    parameters = {"hidden_layer_sizes": (30, 20), "learning_rate_init": 0.01, "max_iter": 60}
    fitted = quick(dropout=[0.5, 0.25], **parameters).fit(*iris)
    kinds = [type(layer).__name__ for layer in fitted.network_.layers]
    assert kinds == ["Affine", "Relu", "Dropout", "Affine", "Relu", "Dropout", "Affine"]
    assert [layer.p for layer in fitted.network_.layers[2::3]] == [0.5, 0.25]
    assert fitted.predict_proba(iris[0]).tolist() == fitted.predict_proba(iris[0]).tolist()
    assert fitted.loss_ > quick(**parameters).fit(*iris).loss_
    assert fitted.score(*iris) > 0.9


@unconverged
def test_dropout_is_drawn_from_the_random_state(iris):
    curves = [quick(dropout=0.5, random_state=seed).fit(*iris).loss_curve_ for seed in (0, 0, 1)]
    assert curves[0] == curves[1] != curves[2]


# Weights of classes


@unconverged
def test_class_weights(iris):
    X, y = iris[0][40:120], iris[1][40:120]  # 10, 50 and 20 of the classes
    balanced = {label: 80 / (3 * n) for label, n in enumerate((10, 50, 20))}
    curves = [quick(class_weight=weights).fit(X, y).loss_curve_ for weights in ("balanced", balanced, None)]
    assert curves[0] == curves[1] != curves[2]
    both = quick(class_weight=balanced).fit(X, y, np.arange(80.0)).loss_curve_
    assert both == quick().fit(X, y, np.arange(80.0) * [balanced[label] for label in y]).loss_curve_


@unconverged
def test_class_weights_do_not_count_in_scores(iris):
    parameters = {"early_stopping": True, "max_iter": 5}
    weighted = quick(class_weight={0: 1e-6, 1: 1e-6, 2: 1}, **parameters).fit(*iris)
    assert weighted.validation_scores_[-1] in np.arange(16) / 15


# Validation, and stopping early


@unconverged
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_validation_set_of_ones_own(iris, kind):
    X, X_val, y, y_val = train_test_split(*iris, random_state=0)
    fitted = quick(kind, learning_rate_init=0.01).fit(X, y, X_val=X_val, y_val=y_val)
    assert fitted.loss_curve_ == quick(kind, learning_rate_init=0.01).fit(X, y).loss_curve_
    assert len(fitted.validation_scores_) == 20
    assert fitted.validation_scores_[-1] == pytest.approx(fitted.score(X_val, y_val))
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)
    assert not fitted.stopped_early_


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_early_stopping_takes_the_best_weights_back(iris, kind):
    X, X_val, y, y_val = train_test_split(*iris, random_state=0)
    parameters = {"early_stopping": True, "learning_rate_init": 0.05, "max_iter": 1000, "n_iter_no_change": 5}
    weights = np.linspace(0.1, 1, len(y_val))
    fitted = quick(kind, **parameters, tol=1e-3).fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    assert fitted.stopped_early_
    assert fitted.n_iter_ < 1000
    assert fitted.score(X_val, y_val, weights) == pytest.approx(fitted.best_validation_score_)
    assert fitted.best_validation_score_ == max(fitted.validation_scores_)


def fit_in_parts(estimator, X, y, calls=200, **validation):
    for call in range(calls):
        estimator.partial_fit(X, y, **({"classes": np.unique(y)} if call == 0 else {}), **validation)
        if estimator.stopped_early_:
            break
    return call + 1


def stopping(**parameters):
    return quick(early_stopping=True, learning_rate_init=0.05, n_iter_no_change=5, tol=1e-3, **parameters)


def test_partial_fit_stops_early(iris):
    """Patience is counted over the calls: they stop where one fit would, which draws its batches no differently."""
    X, X_val, y, y_val = train_test_split(*iris, random_state=0)
    validation = {"X_val": X_val, "y_val": y_val}
    whole = stopping(shuffle=False).set_params(max_iter=200).fit(X, y, **validation)
    parts = stopping(shuffle=False)
    calls = fit_in_parts(parts, X, y, **validation)
    assert calls == whole.n_iter_ < 200
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.validation_scores_ == whole.validation_scores_
    assert all(map(np.array_equal, parts.network_.params, whole.network_.params))
    assert parts.score(X_val, y_val) == parts.best_validation_score_


def test_partial_fit_trains_nothing_once_it_has_stopped(iris):
    estimator = stopping()
    fit_in_parts(estimator, *iris)
    before = pickle.dumps(estimator.network_.params), list(estimator.loss_curve_)
    with pytest.warns(UserWarning, match="stopped early, and this call of partial_fit trains nothing"):
        estimator.partial_fit(*iris)
    assert before == (pickle.dumps(estimator.network_.params), estimator.loss_curve_)
    estimator.set_params(early_stopping=False).partial_fit(*iris)
    assert len(estimator.loss_curve_) == len(before[1]) + 1
    assert before[0] != pickle.dumps(estimator.network_.params)


@pytest.mark.parametrize("random_state", [0, None, np.random.RandomState(0)])
def test_partial_fit_never_trains_on_what_it_scores_on(iris, monkeypatch, random_state):
    X, y = iris
    X = X + np.arange(150)[:, np.newaxis] * 10.0  # so that a row says which it is
    trained, scored = set(), set()
    gradient, predict = fl.Sequential._backpropagate, fl.Sequential.predict
    monkeypatch.setattr(
        fl.Sequential, "_backpropagate", lambda *args: trained.update(args[1].mean(axis=1).round()) or gradient(*args)
    )
    monkeypatch.setattr(
        fl.Sequential, "predict", lambda *args: scored.update(args[1].mean(axis=1).round()) or predict(*args)
    )
    estimator = stopping().set_params(random_state=random_state, n_iter_no_change=np.inf)
    assert fit_in_parts(estimator, X, y, 5) == 5
    assert len(scored) == 15
    assert len(trained) == 135
    assert not trained & scored


# Callbacks


@unconverged
def test_callbacks(iris):
    seen = []

    def stop_at_three(training):
        seen.append((training.epoch, training.history.loss[-1], training.history.validation_accuracy[-1]))
        training.stop = training.epoch == 2

    fitted = quick(callbacks=[stop_at_three], early_stopping=True).fit(*iris)
    assert fitted.n_iter_ == 3
    assert seen == list(zip(range(3), fitted.loss_curve_, fitted.validation_scores_, strict=True))


# Regression


def test_gradient_of_the_poisson_loss():
    rng = np.random.default_rng(0)
    x, t, weights = rng.standard_normal((4, 3)), rng.poisson(2.0, (4, 3)).astype(float), rng.uniform(0, 2, 4)
    for sample_weight in (None, weights):
        layer = PoissonWithLoss()
        layer.forward(x, t, sample_weight)
        numerical = numerical_gradient(lambda x, w=sample_weight: PoissonWithLoss().forward(x, t, w), x)
        np.testing.assert_allclose(layer.backward(), numerical, rtol=1e-6, atol=1e-9)
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        PoissonWithLoss().backward()


@unconverged
def test_expected_values_that_overflow_have_no_score(iris):
    X, y = iris
    with np.errstate(over="ignore"):
        fitted = quick(MLPRegressor, loss="poisson", early_stopping=True).fit(X, y, X_val=1e6 * X, y_val=y)
    assert np.isnan(fitted.validation_scores_[0])


# What is refused


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
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(*iris)
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


# The module


def run(code):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)


def test_the_package_does_not_import_scikit_learn():
    code = "import sys, fastlayers; assert not {'sklearn', 'scipy', 'joblib'} & set(sys.modules), 'it does'"
    assert run(code).stderr == ""


def test_without_scikit_learn_it_says_what_to_install():
    answer = run("import sys; sys.modules['sklearn'] = None; import fastlayers.sklearn").stderr
    assert answer.splitlines()[-1].startswith(
        "ImportError: fastlayers.sklearn needs scikit-learn, which does not import"
    )
    assert answer.endswith("get it with: pip install 'scikit-learn>=1.7'\n")
