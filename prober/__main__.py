"""The command `prober`: runs the command line and turns errors into exit codes."""

import logging
import os
import sys

import click

from prober.cli import outlet
from prober.errors import ProberError

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    # What gRPC's core prints of failed handshakes is told in a sentence of our own.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # So is what asyncio notes of a peer that went away while it was written to.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with outlet.begin():
        code = _run()
        if words := outlet.end():
            _say(words)
        sys.exit(code or (outlet.EXIT_UNWRITTEN if outlet.unwritten else 0))


def _run() -> int:
    from prober.cli import cli  # noqa: PLC0415 - after the environment is set

    try:
        code = cli.main(prog_name="prober", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("PROBER_TRACEBACK"):
            raise
        sentence, code = _explain(error)
        _say(sentence)
    return code if isinstance(code, int) else 0


def _say(sentence: str) -> None:
    sys.stderr.write(f"prober: {sentence}\n")


def _explain(error: BaseException) -> tuple[str, int]:
    """Return what to tell of an error, and what to leave with."""
    match error:
        case ProberError():
            return str(error), error.exit_code
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "prober"
            return f"{error.format_message()}\nTry '{command} --help'.", error.exit_code
        case click.ClickException():
            return error.format_message(), error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return "interrupted, nothing was written", EXIT_INTERRUPTED
    fault = f"a fault of ours: {type(error).__name__}: {error}"
    hint = "PROBER_TRACEBACK=1 shows where; please report it"
    return f"{fault}\n{hint}", ProberError.exit_code


if __name__ == "__main__":
    main()
