"""Write the sample reports anew, with `python -m tests.report.renew`."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from prober.history import EnvironmentHistory
from prober.report.environment import build_environment
from prober.report.environments import Environments, together
from prober.report.formats import FORMATS, Subject
from tests.report import histories, samples

EXAMPLES = Path(__file__).parents[2] / "reports/examples"


def window(found: Iterable[EnvironmentHistory]) -> Environments:
    """Return the report of histories, with versions and clock held fixed."""
    reports = [
        build_environment(each, kind="rolling", version="0.1.0") for each in found
    ]
    return together(reports, histories.END_NS, version="0.1.0", python="3.11.0")


SUBJECTS: Mapping[str, Callable[[], Subject]] = {
    **{name: partial(samples.sample, name) for name in samples.MADE},
    "month": lambda: window([histories.month()]),
    "foundations": lambda: window(histories.foundations()),
    "upgrade": samples.upgrade,
    "deploy": samples.deploy,
}
"""What each folder shows."""
BULKY = {("foundations", "report.csv")}
"""Files that would show nothing that another one does not."""


def rendered(name: str) -> Mapping[str, str]:
    """Return one sample in every format that is text, by file name."""
    subject = SUBJECTS[name]()
    written = {
        f"report{each.suffixes[0]}": each.render(subject)
        for each in FORMATS.values()
        if not each.extra
    }
    return {
        file: text
        for file, text in written.items()
        if isinstance(text, str) and (name, file) not in BULKY
    }


def main() -> None:
    """Write all of them."""
    for name in SUBJECTS:
        folder = EXAMPLES / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in rendered(name).items():
            (folder / file).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
