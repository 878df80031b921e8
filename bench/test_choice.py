"""The benches of the choice between tiles and BLAS tell a right one from a wrong one, and find it. Nothing is timed."""

from typing import Any

import numpy as np
import product_rules
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


def test_a_rule_is_found() -> None:
    """Of products that are ours where there are few columns."""
    cases = [(0, 0, rows, 64, columns, 0) for rows in range(10, 100, 10) for columns in range(10, 100, 10)]
    ratios = np.array([0.8 if one[4] < 50 else 1.25 for one in cases])
    rule = product_rules.rule_of(cases, ratios)
    assert product_rules.wrong(rule, cases, ratios) == 0
    assert product_rules.written(rule).startswith("{")
    assert product_rules.written(product_rules.rule_of(cases, 0 * ratios + 0.8)) == "OURS"
    assert product_rules.written(product_rules.rule_of(cases, 0 * ratios + 1.25)) == "BLAS"


@pytest.mark.usefixtures("compiled")
def test_what_a_rule_goes_by() -> None:
    level = backend.load_level(backend.supported_levels()[-1])
    shape, order, *sizes, in_vain = product_rules.case(level, PRODUCT)
    assert (product_rules.SHAPES[shape], product_rules.ORDERS[order]) == ("FL_SLIM", "FL_TURNED_B")
    assert (sizes, in_vain >= 0) == ([5, 6, 7], True)
