"""`show`, `taxa`, `compare`, `repeats`, `health`, `sample`, `labels`, `estimate`, `evaluate` and `reviewer` as a person runs them."""

from argparse import ArgumentParser
from contextlib import contextmanager

from shoal.cli import compare, estimate, evaluate, health, labels, repeats, reviewer, sample, show, taxa


def ask_show(monkeypatch, capsys):
    """Makes what runs `show` on a pipeline's answer; that gives its status and what it printed."""
    return _ask(monkeypatch, capsys, show)


def ask_taxa(monkeypatch, capsys):
    """Likewise for `taxa`."""
    return _ask(monkeypatch, capsys, taxa)


def ask_compare(monkeypatch):
    """Likewise for `compare`, whose output is left where it goes."""
    return _ask(monkeypatch, None, compare)


def ask_sample(monkeypatch, capsys):
    """Likewise for `sample`."""
    return _ask(monkeypatch, capsys, sample)


def ask_labels(monkeypatch, capsys):
    """Likewise for `labels`."""
    return _ask(monkeypatch, capsys, labels)


def ask_estimate(monkeypatch, capsys):
    """Likewise for `estimate`."""
    return _ask(monkeypatch, capsys, estimate)


def ask_evaluate(monkeypatch, capsys):
    """Likewise for `evaluate`."""
    return _ask(monkeypatch, capsys, evaluate)


def ask_reviewer(monkeypatch, capsys):
    """Likewise for `reviewer`."""
    return _ask(monkeypatch, capsys, reviewer)


def ask_repeats(monkeypatch, capsys):
    """Likewise for `repeats`."""
    return _ask(monkeypatch, capsys, repeats)


def ask_health(monkeypatch, capsys):
    """Likewise for `health`."""
    return _ask(monkeypatch, capsys, health)


def _ask(monkeypatch, capsys, command):
    def run(pipeline, *words):
        @contextmanager
        def reach(*_):
            yield pipeline.stores

        for name, instead in {
            "read_word": lambda word: (word, None),
            "find_dataset": lambda _, **__: pipeline.dataset,
            "reach_results": reach,
            "reach_stores": reach,
        }.items():
            monkeypatch.setattr(command, name, instead, raising=False)
        parser = ArgumentParser()
        command.add_arguments(parser)
        status = command.execute(parser.parse_args([pipeline.dataset.name, *words]))
        return status, capsys.readouterr().out if capsys else ""

    return run
