"""What estimators have beyond scikit-learn's own in training: activations, dropout, validation, stopping, callbacks."""

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from estimators import quick, unconverged
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler

import fastlayers as fl
from fastlayers.sklearn import MLPClassifier, MLPRegressor
from fastlayers.sklearn._samples import warn_of_another_scale

pytestmark = pytest.mark.thread_unsafe(reason="changes warnings, which are the process's")


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


@unconverged
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_pipeline_scales_the_validation_set(kind):
    X, X_val, y, y_val = train_test_split(*load_wine(return_X_y=True), random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = stopping(kind).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), estimator, transform_input=["X_val"])
        searched = GridSearchCV(pipeline, {f"{kind.__name__.lower()}__alpha": [1e-4]}, cv=2)
        for fitted in (pipeline.fit(X, y, X_val=X_val, y_val=y_val), searched.fit(X, y, X_val=X_val, y_val=y_val)):
            best = getattr(fitted, "best_estimator_", fitted)[-1].best_validation_score_
            assert fitted.score(X_val, y_val) == pytest.approx(best)
            assert best > 0.8


REAL = {load.__name__: load for load in (load_iris, load_wine, load_breast_cancer, load_digits, load_diabetes)}


@unconverged
@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler, RobustScaler, Normalizer])
@pytest.mark.parametrize("data", REAL)
def test_a_validation_set_on_another_scale(data, scaler):
    X, X_val, y, y_val = train_test_split(*REAL[data](return_X_y=True), test_size=0.1, random_state=0)
    scaled = scaler().fit(X)
    for train, validation in ((scaled.transform(X), X_val), (X, scaled.transform(X_val))):
        sizes = [f"{np.median(np.abs(each).mean(axis=1)):.3g}" for each in (validation, train)]
        told = f"mean of {sizes[0]} in X_val and {sizes[1]} in X, .*transform_input=\\['X_val'\\]"
        for form in (np.asarray, np.float32, csr_array):
            with pytest.warns(UserWarning, match=told):
                quick(MLPRegressor, max_iter=1).fit(form(train), y, X_val=form(validation), y_val=y_val)


def one_hot(rng, n, columns):
    return np.eye(columns)[rng.integers(0, columns, n)]


DRAWN = {
    "normal": lambda rng, n: rng.standard_normal((n, 5)),
    "lognormal": lambda rng, n: rng.lognormal(0, 3, (n, 3)),
    "without a mean": lambda rng, n: rng.standard_cauchy((n, 1)),
    "one-hot": lambda rng, n: one_hot(rng, n, 50),
    "one-hot and a price": lambda rng, n: np.hstack([one_hot(rng, n, 9), rng.lognormal(10, 1, (n, 1))]),
    "sparse": lambda rng, n: rng.poisson(0.02, (n, 30)),
    "constant": lambda rng, n: np.ones((n, 2)),
    "zeros": lambda rng, n: np.zeros((n, 2)),
    "a constant and small numbers": lambda rng, n: np.hstack([np.full((n, 1), 1e9), rng.standard_normal((n, 1))]),
    "largest": lambda rng, n: rng.uniform(1e38, 3e38, (n, 40)),
}
FOLDS = [KFold(2), KFold(5), KFold(5, shuffle=True, random_state=0), KFold(10)]


@pytest.mark.parametrize("data", [*REAL, *DRAWN])
def test_ordinary_splits_are_on_one_scale(data):
    """Without `shuffle`, the folds of iris and wine are of one class each."""
    sets = (
        [DRAWN[data](np.random.default_rng(seed), 100) for seed in range(20)] if data in DRAWN else [REAL[data]().data]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in sets:
            for train, held in [split for fold in FOLDS for split in fold.split(X)]:
                for dtype in (np.float32, np.float64):
                    warn_of_another_scale(X[train].astype(dtype), X[held].astype(dtype))
                warn_of_another_scale(csr_array(X[train]), csr_array(X[held[:10]]))
                warn_of_another_scale(X[train], 1e9 * X[held[:3]])  # too few to tell


def fit_in_parts(estimator, X, y, calls=200, **validation):
    for call in range(calls):
        estimator.partial_fit(X, y, **({"classes": np.unique(y)} if call == 0 else {}), **validation)
        if estimator.stopped_early_:
            break
    return call + 1


def stopping(*kind, **parameters):
    return quick(*kind, early_stopping=True, learning_rate_init=0.05, n_iter_no_change=5, tol=1e-3, **parameters)


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
