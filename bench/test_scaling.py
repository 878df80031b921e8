"""What is computed of scaling, and the page and plot of it. Nothing is timed, and no job is run."""

from pathlib import Path

import pytest
import scaling_model as model

NETWORK = model.Network("a network", 1e-6, 1e9)


@pytest.mark.parametrize("nbytes", [1, 10**4, 10**8])
def test_two_ranks_exchange_all_there_and_back_or_at_once(nbytes: int) -> None:
    assert model.ring(nbytes, 2, NETWORK) == pytest.approx(2e-6 + nbytes / 1e9)
    assert model.recursive_doubling(nbytes, 2, NETWORK) == pytest.approx(1e-6 + nbytes / 1e9)
    assert model.halving_and_doubling(nbytes, 2, NETWORK) == pytest.approx(2e-6 + nbytes / 1e9)


def test_small_exchanges_double_and_large_ones_do_not() -> None:
    assert model.allreduce(8, 64, NETWORK) == model.recursive_doubling(8, 64, NETWORK)
    assert model.allreduce(10**8, 64, NETWORK) == model.halving_and_doubling(10**8, 64, NETWORK)
    assert model.ring(10**8, 64, NETWORK) == pytest.approx(2 * 63 * (1e-6 + 10**8 / 64 / 1e9))


def test_a_free_exchange_scales_as_the_computation_does() -> None:
    free = model.Network("none", 0.0, float("inf"))
    compute = {2**i: 1e-3 * 2**i for i in range(11)}
    assert [model.strong(compute, 10**6, p, free) for p in model.RANKS] == pytest.approx(model.RANKS)
    assert [model.weak(compute, 10**6, p, free) for p in model.RANKS] == pytest.approx(model.RANKS)
    assert model.strong(compute, 10**6, 2, NETWORK) == pytest.approx(1.024 / (0.512 + 0.001001))


def test_latency_and_bandwidth_of_what_was_measured() -> None:
    fit = model.fitted({1024: 2e-6, 2**24: 4.002e-3})
    assert fit.latency == 2e-6
    assert fit.bandwidth == pytest.approx(2**24 / 4e-3)


def test_page_and_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import scaling
    import scaling_page

    step = {"one": 2e-2, "all": 1.1e-2, "share": 1e-2, "parameters": 669_706}
    found = {
        "ranks": 2,
        "mpi": "an MPI",
        "steps": [step] * len(scaling.NETWORKS),
        "exchanges": {n: 1e-6 + n / 1e10 for n in scaling.SIZES},
        "compute": {n: 1e-3 + n * 2e-5 for n in scaling.BATCHES},
    }
    terminal = "\n".join(scaling_page.terminal(scaling.NETWORKS, found))
    assert "one rank  20.0 ms   two  11.0 ms   1.82 times as fast   expected 10.3 ms" in terminal
    scaling_page.write(scaling.NETWORKS, found, tmp_path, None)
    text = (tmp_path / "scaling.md").read_text(encoding="utf-8")
    assert "| 784-512-512-10, 1024 | 2.55 MB | 20.0 ms | 11.0 ms | 1.82 | 1.95 |" in text
    assert text.count("| HDR InfiniBand |") == 3
    assert (tmp_path / "scaling" / "scaling.png").stat().st_size > 1000
