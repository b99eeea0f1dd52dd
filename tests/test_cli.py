"""The command line's own manners: its help, and the ways to give configuration files."""

import argparse
import re

import pytest

from kdbench import verbs
from kdbench.cli import build_parser, main, one_file_each
from tests.conftest import ROOT

PARSER = build_parser()
VERBS = next(action.choices for action in PARSER._actions if isinstance(action, argparse._SubParsersAction))


@pytest.fixture
def planned(monkeypatch):
    """Runs `kdbench` in the repository with each verb replaced by one that keeps its arguments."""
    seen = []
    monkeypatch.chdir(ROOT)
    for name in ("plan", "train"):

        def keep(arguments):
            seen.append((verbs.read_config(arguments), arguments))

        keep.__name__ = name
        monkeypatch.setattr(verbs, name, keep)

    def run(*arguments):
        assert main(list(arguments)) == 0
        return seen.pop()

    return run


def test_help_lists_every_verb_once_in_one_line_of_a_group():
    text = PARSER.format_help()
    groups = re.split(r"^(steps of the study|look at it|around it):$", text, flags=re.M)[1:]
    assert groups[::2] == ["steps of the study", "look at it", "around it"]
    listed = re.findall(r"^  ([a-z]+) +[A-Z].*\.$", "".join(groups[1::2]), re.M)
    assert sorted(listed) == sorted(VERBS)
    assert "VERB ..." in text.splitlines()[0]
    assert max(map(len, text.splitlines())) < 80
    assert text.rstrip().splitlines()[-1].startswith("  snakemake"), "examples come last"


@pytest.mark.parametrize("name", list(VERBS))
def test_every_option_of_a_verb_is_explained(name):
    verb = VERBS[name]
    assert verb.description and verb.description.endswith(".")
    assert [action.dest for action in verb._actions if not action.help] == []
    assert verb.format_usage().startswith(f"usage: kdbench {name} ")


def test_configuration_files_are_given_after_one_option_or_several(planned):
    files = ["presets/digits.yaml", "presets/next-steps.yaml"]
    once, _ = planned("plan", "--config", *files)
    assert once.device == "cpu" and len(once.students) == 5
    for arguments in (["--config", files[0], "--config", files[1]], [f"--config={files[0]}", files[1]]):
        assert planned("plan", *arguments)[0] == once


def test_a_run_after_the_files_is_no_file(planned):
    config, arguments = planned("train", "--config", "config.yaml", "presets/digits.yaml", "scratch-lenet", "teacher")
    assert (arguments.run, config.device) == (["scratch-lenet", "teacher"], "cpu")
    assert one_file_each(["quote", "a.md", "b.yaml"]) == ["quote", "a.md", "b.yaml"]
    json = '{"a": 1}'
    assert one_file_each(["plan", "--config", json]) == ["plan", "--config", json]
