"""The examples that the documentation shows and does not run, for they take minutes: a few steps of each."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import fastlayers as fl

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dates_are_learned_and_answered(capsys):
    dates = example("dates")
    questions, answers = dates.pairs(40, np.random.default_rng(0))
    assert {len(question) for question in questions} == {dates.LENGTH}
    characters = sorted({*"".join(questions + answers)})
    x, t = (np.array([[characters.index(c) for c in line] for line in lines]) for lines in (questions, answers))
    net = dates.AttentionSeq2seq(len(characters), 8, 6, np.random.default_rng(1))
    before = [param.copy() for param in net.params]
    first = net.train_step(x, t, fl.SGD(lr=0.1))
    # a step of descent lowers the loss by the rate times the squared norm of a gradient that is right
    squares = sum(np.sum((param - old).astype(float) ** 2) for param, old in zip(net.params, before, strict=True))
    assert first - net.train_step(x, t, fl.SGD(lr=0.1)) == pytest.approx(squares / 0.1, rel=0.2)
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
