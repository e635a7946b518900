"""The command `prober`: runs the command line and turns errors into exit codes."""

import os
import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; every error is one sentence on standard error."""
    # What gRPC's core prints of failed handshakes is told in a sentence of our own.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from prober.cli import cli  # noqa: PLC0415 - after the environment is set

    try:
        sys.exit(cli.main(prog_name="prober", standalone_mode=True))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
