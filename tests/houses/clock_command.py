"""`clock` as a person runs it, over a pipeline's buckets."""

from argparse import ArgumentParser
from contextlib import contextmanager

from shoal.cli import clock as command


def ask_clock(monkeypatch, capsys):
    """Makes what runs the command on a pipeline's dataset; that gives its status and what it printed."""

    def run(pipeline, *words):
        @contextmanager
        def reach(_dataset):
            yield pipeline.stores

        monkeypatch.setattr(command, "find_dataset", lambda _, **__: pipeline.dataset)
        monkeypatch.setattr(command, "reach_stores", reach)
        parser = ArgumentParser()
        command.add_arguments(parser)
        status = command.execute(parser.parse_args([pipeline.dataset.name, *words]))
        return status, capsys.readouterr().out

    return run
