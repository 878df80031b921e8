"""The estimators as scikit-learn's users know them, and what they have beyond scikit-learn's own."""

import importlib.util
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from estimators import quick, unconverged
from kit import INTERNAL
from scipy.special import expit
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import fastlayers as fl
from fastlayers import softmax
from fastlayers.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.thread_unsafe(reason="scikit-learn's checks change warnings, which are the process's")


# What scikit-learn asks of an estimator


@unconverged
@parametrize_with_checks(
    [
        MLPClassifier(),
        MLPRegressor(),
        MLPClassifier((10,), solver="lbfgs", alpha=1),  # narrow, since checks of classifiers fit to the end
        MLPRegressor(solver="lbfgs", alpha=1),
    ]
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


OUTPUTS = {
    "classes": (MLPClassifier, {}, lambda y: y, softmax),
    "two classes": (MLPClassifier, {}, lambda y: y > 0, lambda scores: np.hstack([expit(-scores), expit(scores)])),
    "labels": (MLPClassifier, {}, lambda y: np.stack([y > 0, y > 1], axis=1).astype(int), expit),
    "numbers": (MLPRegressor, {}, lambda y: y, np.ravel),
    "several numbers": (MLPRegressor, {}, lambda y: np.stack([y, -y], axis=1), np.asarray),
    "counts": (MLPRegressor, {"loss": "poisson"}, lambda y: y, lambda scores: np.exp(scores).ravel()),
}


@unconverged
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_the_network_goes_into_files(iris, outputs, tmp_path):
    kind, parameters, targets, of_scores = OUTPUTS[outputs]
    fitted = quick(kind, dropout=0.2, activation="tanh", **parameters).fit(iris[0], targets(iris[1]))
    scores = fitted.network_.predict(iris[0])
    expected = fitted.predict_proba(iris[0]) if kind is MLPClassifier else fitted.predict(iris[0])
    np.testing.assert_allclose(of_scores(scores), expected, rtol=1e-12)
    fitted.network_.save(tmp_path / "network.npz")
    np.testing.assert_array_equal(fl.Sequential.load(tmp_path / "network.npz").predict(iris[0]), scores)
    writers = {"network.c": fitted.network_.to_c}
    if importlib.util.find_spec("onnx") is not None:
        writers["network.onnx"] = fitted.network_.to_onnx
    for path, write in writers.items():
        write(tmp_path / path)
        if kind is MLPClassifier:
            write(tmp_path / path, probabilities=True)
        else:
            with pytest.raises(TypeError, match=r"probabilities|no loss") as caught:
                write(tmp_path / path, probabilities=True)
            assert not INTERNAL.search(str(caught.value))


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
