"""The command `prober`: runs the command line and turns errors into exit codes."""

import os
import sys

import click

from prober.errors import ProberError

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    # What gRPC's core prints of failed handshakes is told in a sentence of our own.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.exit(_run())


def _run() -> int:
    from prober.cli import cli  # noqa: PLC0415 - after the environment is set

    try:
        code = cli.main(prog_name="prober", standalone_mode=False)
    except ProberError as error:
        return _tell(str(error), error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "prober"
        sentence = f"{error.format_message()}\nTry '{command} --help'."
        return _tell(sentence, error.exit_code)
    except click.ClickException as error:
        return _tell(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _tell("interrupted, nothing was written", EXIT_INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _tell(sentence: str, code: int) -> int:
    print(f"prober: {sentence}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
