"""Estimators for scikit-learn: `MLPClassifier` and `MLPRegressor`, trained by the layers of this package.

They take the parameters of scikit-learn's own, start from the same weights and see the same batches, so that they may
take their place; and add dropout, an activation for each layer, class weights, callbacks, a validation set of
one's own, and early stopping over calls of ``partial_fit``. Needs scikit-learn 1.7 or newer.
"""

from .._core.extras import require
from .._core.names import hide_internal_bases

require("sklearn", "scikit-learn", "fastlayers.sklearn", extra="sklearn")

from ._classifier import MLPClassifier  # noqa: E402  (what stands above says what is missing)
from ._regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]

hide_internal_bases(globals())
