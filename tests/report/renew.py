"""Write the sample reports anew, with `python -m tests.report.renew`."""

import io
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from prober.report import json, terminal
from tests.report import samples

EXAMPLES = Path(__file__).parents[2] / "reports/examples"


def rendered(name: str) -> Mapping[str, str]:
    """Return one sample in every format, by file name."""
    report = samples.sample(name)
    screen = io.StringIO()
    terminal.render(report, Console(file=screen))
    return {"report.json": json.render(report), "report.txt": screen.getvalue()}


def main() -> None:
    """Write all of them."""
    for name in samples.MADE:
        folder = EXAMPLES / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in rendered(name).items():
            (folder / file).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
