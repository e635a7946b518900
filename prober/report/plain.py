"""Plain text: every screen of a report, one below the other, as wide as it needs."""

from prober.report.formats import Subject
from prober.report.pages import pages
from prober.report.terminal import plain


def render(subject: Subject) -> str:
    """Return the screens as lines, set apart by two empty ones."""
    return "\n\n\n".join("\n".join(plain(page)) for page in pages(subject)) + "\n"
