"""The examples that the documentation shows and does not run, for they take minutes: a few steps of each."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class NoUpdate:
    """An optimizer that leaves the parameters as they are."""

    def update(self, params, grads):
        pass


def test_dates_are_learned_and_answered(capsys):
    dates = example("dates")
    questions, answers = dates.pairs(40, np.random.default_rng(0))
    assert {len(question) for question in questions} == {dates.LENGTH}
    characters = sorted({*"".join(questions + answers)})
    x, t = (np.array([[characters.index(c) for c in line] for line in lines]) for lines in (questions, answers))
    net = dates.AttentionSeq2seq(len(characters), 8, 6, np.random.default_rng(1))
    for table in net.params[0], net.params[4]:
        table *= 100  # as large as they become
    net.train_step(x, t, NoUpdate())
    grads, rng, step = [grad.copy() for grad in net.grads], np.random.default_rng(2), np.float32(0.01)
    for param, grad in zip(net.params, grads, strict=True):
        direction, kept = rng.standard_normal(param.shape, np.float32), param.copy()
        losses = []
        for moved in (kept + step * direction, kept - step * direction, kept):
            param[...] = moved
            losses.append(net.train_step(x, t, NoUpdate()))
        slope = np.sum(grad * direction)
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(slope, rel=0.01, abs=1e-4)
    dates.main(["--pairs", "60", "--epochs", "1", "--units", "4", "--batch", "20"])
    assert re.fullmatch(r"epoch 1, [\d.]+ s: loss \d\.\d{4}, [\d.]+% right\n", capsys.readouterr().out)


def test_a_text_is_learned_and_one_is_written(tmp_path, capsys):
    model, text = example("language_model"), tmp_path / "text"
    text.write_text("Each word, and then the next one. It goes on: again and again! " * 600, encoding="utf-8")
    model.main([str(text), "--words", "12", "--epochs", "2"])
    head, *epochs, written = capsys.readouterr().out.splitlines()
    assert head.startswith("10,200 words, 12 of them different, ")
    perplexities = [float(re.search(r"of the rest ([\d.]+)", line)[1]) for line in epochs]
    assert perplexities[1] < perplexities[0] < 12
    assert len(model.indices(written, 12)[0]) == 60
