"""scikit-learn's own tests of its multi-layer perceptrons, run on those of `fastlayers.sklearn` in their place.

Run as ``python tests/scikit_learn_suite.py [arguments of pytest]``; the tests are those of the installed scikit-learn.
What does not apply is expected to fail, in the way that is stated here: a test that passes after all fails the run, and
so does a name that is no test any more.
"""

import os
import sys

import pytest
from sklearn import neural_network

from fastlayers.sklearn import MLPClassifier, MLPRegressor

TESTS = "sklearn.neural_network.tests.test_mlp"
NOT_APPLICABLE = {
    "test_fit": (AttributeError, "sets coefs_ and other learned attributes by hand, which here are the network's own"),
    "test_gradient": (AttributeError, "calls the private _loss_grad_lbfgs; our gradients have checks of their own"),
    "test_learning_rate_warmstart": (AttributeError, "reads the private _optimizer.learning_rate; ours has lr"),
    "test_adaptive_learning_rate": (AttributeError, "reads the private _optimizer.learning_rate; ours has lr"),
    "test_predict_proba_multilabel": (
        AssertionError,
        "asks that probabilities that round to 1 also have logarithms of exactly 0; ours are more accurate than that",
    ),
    "test_mlp_partial_fit_after_fit": (
        pytest.fail.Exception,
        "asks that partial_fit refuses early_stopping, which ours has",
    ),
}


class Expectations:
    """The plugin that marks what is not applicable."""

    @pytest.hookimpl(tryfirst=True)  # before -k leaves some out
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        unknown = NOT_APPLICABLE.keys() - {item.originalname for item in items}
        if unknown:
            raise pytest.UsageError(f"{TESTS} has no {', '.join(sorted(unknown))}: mend the list of {__file__}")
        for item in items:
            if item.originalname in NOT_APPLICABLE:
                raises, reason = NOT_APPLICABLE[item.originalname]
                item.add_marker(pytest.mark.xfail(strict=True, raises=raises, reason=reason))


def main(arguments: list[str]) -> int:
    """Pytest's status."""
    for ours in (MLPClassifier, MLPRegressor):
        setattr(neural_network, ours.__name__, ours)
    # Under the configuration of neither project: ours makes every warning an error.
    alone = ["-c", os.devnull, "--rootdir", os.curdir, "-p", "no:cacheprovider", "-rxX"]
    return pytest.main([*alone, "--pyargs", TESTS, *arguments], plugins=[Expectations()])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
