"""The score of an estimator, of numbers that are there."""

from __future__ import annotations

from typing import Any

from ._finite import check_all_unmasked

__all__ = ["Scored"]


class Scored:
    """Before scikit-learn's mixin, whose ``score`` would take what lies beneath a mask."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of a classifier, or the coefficient of determination of a regressor.

        Parameters
        ----------
        X : array_like or sparse matrix
            ``(N, D)``.
        y : array_like
            What is to be predicted, as for `fit`.
        sample_weight : array_like, optional
            ``(N,)``, how much each sample counts.

        Returns
        -------
        float
            At most 1.
        """
        check_all_unmasked(X=X, y=y, sample_weight=sample_weight)
        score: float = super().score(X, y, sample_weight=sample_weight)  # type: ignore[misc]  # of the mixin
        return score
