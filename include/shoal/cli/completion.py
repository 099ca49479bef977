"""`python -m shoal completion SHELL`: print what makes a shell complete `shoal`: its commands, options and datasets."""

from argparse import ArgumentParser, Namespace

from shoal.contract.errors import ConfigError

WAYS = {
    "bash": 'eval "$(shoal completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(shoal completion zsh)"  in ~/.zshrc, after compinit',
    "fish": "shoal completion fish | source  in ~/.config/fish/config.fish",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command."""
    parser.add_argument("shell", choices=WAYS, help="; ".join(WAYS.values()))


def execute(arguments: Namespace) -> int:
    """Print the shell's code; nothing is changed.

    Raises:
        ConfigError: argcomplete is not installed.
    """
    try:
        from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - other commands do not need it
    except ModuleNotFoundError as err:
        raise ConfigError("argcomplete is not installed - it comes with pip install 'shoal[airflow]'") from err

    print(shellcode(["shoal"], shell=arguments.shell))
    return 0
