"""The pages of ``--help``: every section, every default, and true."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from typing import Any

import pytest
from commands import COMMAND, on_terminal, succeed

from fastlayers.command import cli
from fastlayers.command.manual import AFTER, BEFORE, SUMMARIES
from fastlayers.command.networks import KINDS
from fastlayers.command.options import parser
from fastlayers.command.terminal import Style

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals")
TREE: Any = parser(cli._COMMANDS)
(COMMANDS,) = (action.choices for action in TREE._actions if isinstance(action, argparse._SubParsersAction))
PAGES = {"": TREE, **COMMANDS}
SECTIONS = {
    "": ["options", "commands", "examples", "exit status", "environment", "see also"],
    "train": ["options", "the data", "the network", "the training", "the machine", "the output",
              "json", "files", "examples", "exit status", "environment", "see also"],
    "predict": ["positional arguments", "options", "the data", "the output",
                "json", "examples", "exit status", "environment", "see also"],
    "export": ["positional arguments", "options", "the network", "the output",
               "json", "examples", "exit status", "environment", "see also"],
    "bench": ["options", "the output", "json", "examples", "exit status", "environment", "see also"],
    "info": ["options", "the output", "json", "exit status", "environment", "see also"],
    "completion": ["positional arguments", "options", "files", "examples", "exit status", "environment"],
}  # fmt: skip


def help_of(name: str, width: int = 80) -> str:
    return succeed("--help", command=["env", f"COLUMNS={width}", *COMMAND, *filter(None, [name])])


def test_there_is_a_page_for_each() -> None:
    assert set(cli._COMMANDS) == set(SUMMARIES) == set(COMMANDS)
    assert set(PAGES) == set(BEFORE) == set(AFTER) == set(SECTIONS)


@pytest.mark.parametrize("name", PAGES)
def test_a_page(name: str) -> None:
    text = help_of(name)
    command = f"fastlayers {name}".strip()
    first, blank, usage = text.splitlines()[:3]
    assert first.startswith(f"{command} - ")
    assert blank == ""
    assert usage.startswith(f"usage: {command} [-h]")
    assert re.findall(r"^([a-z ]+):$", text, re.MULTILINE) == SECTIONS[name]
    for variable in ("FASTLAYERS_BACKEND", "FASTLAYERS_ISA", "FASTLAYERS_NUM_THREADS", "NO_COLOR"):
        assert f"\n  {variable}  " in text
    for status in ("0", "1", "2", "130", "141"):
        assert f"\n  {status:<5}" in text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_80_columns(name: str) -> None:
    # What cannot be broken: choices, and the lines of an option that is wider than its column.
    lines = [line for line in help_of(name).splitlines() if "{" not in line and "]" not in line]
    assert 65 < max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_tells_what_it_does_and_its_default(name: str) -> None:
    formatter = argparse.HelpFormatter("")
    for action in COMMANDS[name]._actions:
        text = formatter._expand_help(action)
        assert text, action.dest
        if action.option_strings and action.nargs != 0:
            optional = {"--plot", "--save"} & set(action.option_strings)
            assert optional or re.search(r"\([^()]+\)$", text), text


def test_the_defaults_are_true() -> None:
    """Those that are written out in the text."""
    args = TREE.parse_args(["train"])
    assert (args.hidden, args.optimizer, args.color, args.threads, args.idx) == (None, None, "auto", None, None)
    assert {name: (kind.hidden, kind.optimizer) for name, kind in KINDS.items()} == {
        "affine": ((50,), "sgd"),
        "convnet": ((100,), "adam"),
    }
    text = " ".join(help_of("train").split())
    rates = "0.5 for sgd, 0.1 for momentum, 0.1 for nesterov, 0.05 for adagrad, 0.002 for rmsprop, 0.005 for adam"
    assert rates in text
    assert "of a convnet 0.1 for sgd, 0.02 for momentum" in text
    assert "(50; of a convnet 100)" in text
    assert "(sgd; of a convnet adam)" in text


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_are_understood(name: str) -> None:
    section = re.search(r"^examples:\n((?:  .*\n)+)", help_of(name, 200), re.MULTILINE)
    assert (section is None) == (name == "info")
    lines = [] if section is None else [line.strip() for line in section[1].splitlines() if "fastlayers " in line]
    assert section is None or len(lines) >= 2
    for line in lines:
        words = shlex.split(re.split(r" {2,}| \| | > |\)\"", line)[0].split("fastlayers ", 1)[1])
        assert TREE.parse_args(words).command is cli._COMMANDS[words[0]]


def test_headings_are_bold_on_a_terminal_alone() -> None:
    _, seen = on_terminal(*COMMAND, "bench", "--help", stdout=True)
    bold = re.findall(r"\x1b\[1m(.*?)\x1b\[0m", seen)
    assert [text.strip() for text in bold] == [
        "usage:", "options:", "-h, --help", "--color", "--seconds", "the output:", "--json",
        *(f"{section}:" for section in SECTIONS["bench"][2:]),
    ]  # fmt: skip
    assert "\x1b" not in help_of("bench")
    assert re.sub(r"\x1b\[\d*m", "", seen) == help_of("bench", 100)


def test_prose_is_not_bold() -> None:
    style = Style(colour=True)
    text = "a - b\n\nwhat follows is not a heading:\nsince nothing is indented below\n  -x is, and --y is not\n"
    assert style.page(text) == text.replace("  -x", "\x1b[1m  -x\x1b[0m")
