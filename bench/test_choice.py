"""The bench of the choice between tiles and BLAS runs, and tells a right choice from a wrong one. Nothing is timed."""

from typing import Any

import products
import pytest

from fastlayers._core import backend

PRODUCT = products.Product(5, 6, 7, "dout W^T", "float32")


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("kind", products.ORDERS)
def test_a_product_is_measured_both_ways(kind: str) -> None:
    level = backend.load_level(backend.supported_levels()[-1])
    found = products.measure(level, PRODUCT._replace(kind=kind), 0.0)
    assert found.chosen in (products.OURS, products.BLAS)
    assert min(found.ours, found.blas) > 0


def test_a_wrong_choice_is_told(capsys: Any) -> None:
    right = products.Found(PRODUCT, products.OURS, 1.04, 1.0)
    assert products.report([right])
    assert not products.report([right, right._replace(chosen=products.BLAS, ours=0.5)])
    assert "BLAS was chosen, 2.00 times the better" in capsys.readouterr().out
