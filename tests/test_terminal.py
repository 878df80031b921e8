"""Colour and width: on a terminal, as its user wants them; elsewhere none, and no column moves."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import COMMAND, FEW, environment, on_terminal, run, succeed, write_images

from fastlayers.command import cases, table, terminal
from fastlayers.command.terminal import PLAIN, Style

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
COLOURED = Style(colour=True)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


def train(images: Path) -> list[str]:
    return ["train", "--idx", str(images), *FEW, "--backend", "reference"]


# When there is colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "on_terminal", "in_file"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="an old console has none")
@pytest.mark.thread_unsafe(reason="the environment is the process's")
def test_what_auto_is(
    variables: dict[str, str], on_terminal: bool, in_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    assert Style.of(Terminal()).colour is on_terminal
    assert Style.of(io.StringIO()).colour is in_file
    assert Style.of(None).colour is in_file
    for stream in (Terminal(), io.StringIO()):
        assert Style.of(stream, "always").colour is True
        assert Style.of(stream, "never").colour is False


@pytest.mark.parametrize(
    ("words", "choice"),
    [
        ([], "auto"),
        (["info", "--color", "never"], "never"),
        (["--color=always", "fly", "--wrong"], "always"),
        (["--color", "never", "info", "--color", "always"], "always"),
        (["info", "--color", "pink"], "auto"),
        (["info", "--color"], "auto"),
    ],
)
def test_the_choice_is_known_before_the_words_are_understood(words: list[str], choice: str) -> None:
    assert terminal.colour_asked_for(words) == choice


@POSIX
def test_a_terminal_in_colour(images: Path) -> None:
    _, seen = on_terminal(*COMMAND, *train(images), stdout=True)
    assert "\x1b[1mreference\x1b[0m, at most" in seen
    assert re.search(r"test accuracy +\x1b\[32m[\d.]+%\x1b\[0m\n", seen)
    assert re.search(r"^\x1b\[1mbackend +train accuracy", seen, re.MULTILINE)


@POSIX
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_that_wants_none(images: Path, variables: dict[str, str]) -> None:
    _, seen = on_terminal(*COMMAND, *train(images), stdout=True, **variables)
    assert "epoch 2/2" in seen
    assert ESCAPE.search(seen) is None
    _, told = on_terminal(*COMMAND, "predict", "missing.npz", status=1, **variables)
    assert told.startswith("fastlayers: error: missing.npz: ")


@POSIX
def test_each_stream_by_itself(images: Path) -> None:
    """A pipe gets none where standard error is a terminal, and the other way round."""
    out, _ = on_terminal(*COMMAND, *train(images))
    assert "epoch 2/2" in out
    assert ESCAPE.search(out) is None
    _, told = on_terminal(*COMMAND, "fly", status=2)
    assert told.startswith("fastlayers: \x1b[31merror:\x1b[0m argument COMMAND")
    _, told = on_terminal(*COMMAND, "predict", "missing.npz", status=1)
    assert told.startswith("fastlayers: \x1b[31merror:\x1b[0m missing.npz: ")
    _, told = on_terminal(*COMMAND, "predict", "missing.npz", "--color", "never", status=1)
    assert told.startswith("fastlayers: error: missing.npz: ")


def test_none_in_a_pipe_unless_asked_for(images: Path) -> None:
    plain = succeed(*train(images), "--seed", "3")
    assert ESCAPE.search(plain) is None
    coloured = succeed("--color", "always", *train(images), "--seed", "3")
    assert ESCAPE.search(coloured) is not None
    assert [line for line in ESCAPE.sub("", coloured).splitlines() if "epoch" in line] == [
        line for line in plain.splitlines() if "epoch" in line
    ]
    assert succeed(*train(images), "--color", "never", "--seed", "3").count("\x1b") == 0
    done = run("fly", "--color", "always")
    assert done.stderr.startswith("fastlayers: \x1b[31merror:\x1b[0m ")


def test_the_last_accuracy_in_green_is_the_best(images: Path) -> None:
    out = succeed(*train(images), "--epochs", "30", "--color", "always")
    lines = [line for line in out.splitlines() if " epoch " in line]
    accuracies = [float(re.findall(r"([\d.]+)%", line)[0]) for line in lines]
    green = [accuracy for accuracy, line in zip(accuracies, lines, strict=True) if "\x1b[32m" in line]
    assert green == sorted(set(green))
    assert green[-1] == max(accuracies)
    assert len(green) < len(lines) == 30


# Width


def test_fold() -> None:
    assert terminal.fold("a b", None) == "a b"
    assert terminal.fold("one two-three four five six seven", 20, 2) == "one two-three four\n  five six seven"
    assert terminal.fold("    one two three four five", 20) == "    one two three\n    four five"
    assert terminal.fold("x" * 50 + " y", 20) == "x" * 50 + "\ny"  # a path stays whole


def test_rows() -> None:
    rows = [("a", "1"), ("name", "one two three four five six")]
    assert PLAIN.rows(rows) == "a     1\nname  one two three four five six"
    assert Style(width=24).rows(rows) == "a     1\nname  one two three four\n      five six"
    assert ESCAPE.sub("", Style(colour=True, width=24).rows(rows)) == Style(width=24).rows(rows)


@POSIX
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_lines_fit_the_terminal(images: Path, columns: int) -> None:
    _, seen = on_terminal(*COMMAND, "info", stdout=True, columns=columns)
    lines = ESCAPE.sub("", seen).splitlines()
    assert all(len(line) <= columns or len(line.split()) == 1 for line in lines)
    assert columns > 40 or len(lines) > len(succeed("info").splitlines())
    _, seen = on_terminal(*COMMAND, *train(images), stdout=True, columns=columns, NO_COLOR="1")
    lines = [line for line in seen.splitlines() if "\r" not in line]
    described = lines[: next(i for i, line in enumerate(lines) if line.startswith("reference, at most"))]
    assert all(len(line) <= columns or len(line.split()) == 1 for line in described)  # but for the folder's name


@POSIX
def test_the_width_that_columns_asks_for() -> None:
    program = "from fastlayers.command.terminal import Style; import sys; print(Style.of(sys.stdout).width)"
    for asked, width in [("33", "33"), ("0", "100"), ("many", "100"), ("", "100")]:
        command = ["env", f"COLUMNS={asked}", sys.executable, "-P", "-c", program]
        assert on_terminal(*command, stdout=True)[1] == f"{width}\n"
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
        assert done.stdout == "None\n"


# Tables


def test_the_benchmark_fits_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Its widest rows too, slow ones as well, and colour does not move its columns."""
    width = max(len(case.name) + 2 + len(case.label(size)) for case, size, _ in cases.rows())
    config = {"fastlayers": "1", "backend": "cython", "instruction set": "x", "threads": 1, "numpy": "2"}
    table._print_header({**config, "blas": "b", "machine": "m"}, width, PLAIN)
    heads = capsys.readouterr().out.splitlines()[-1]
    for case, size, dtype in cases.rows():
        row = {"kernel": case.name, "size": case.label(size), "dtype": dtype, "reference": 99999.4, "cython": 12345.6}
        row |= {"ratio": 12345.6, "cython out=": 99999.4}
        table._print_row(row, width, PLAIN)
        plain = capsys.readouterr().out
        table._print_row(row, width, COLOURED)
        assert ESCAPE.sub("", capsys.readouterr().out) == plain
        assert len(plain) - 1 == len(heads) <= 80
        kernel, rest = plain[: len(case.name)], plain[len(case.name) :]
        assert kernel == case.name
        assert rest.startswith("  ")
        assert rest.split()[-7:] == ["99999", "s", "12346", "s", "12346x", "99999", "s"]
        assert plain.index(dtype) == heads.index("dtype")


@pytest.mark.parametrize(("ratio", "code"), [(1.5, "32"), (1.0, "32"), (0.99, "31")])
def test_gains_are_green_and_losses_red(ratio: float, code: str) -> None:
    assert COLOURED.ratio("text", ratio) == f"\x1b[{code}mtext\x1b[0m"
    assert PLAIN.ratio("text", ratio) == "text"


@pytest.mark.parametrize(
    ("value", "text"), [(0.85, "0.85"), (9.996, "10.0"), (99.96, "100"), (177.2, "177"), (12345.6, "12346")]
)
def test_three_digits(value: float, text: str) -> None:
    assert terminal.three_digits(value) == text


# Streams that are not there


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
@pytest.mark.parametrize("args", ["predict missing.npz", "fly", "predict missing.npz --json"])
def test_an_error_without_standard_error_is_not_output(args: str) -> None:
    command = f"{sys.executable} -P -m fastlayers {args} 2>&-; echo status $?"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout == f"status {2 if args == 'fly' else 1}\n"
