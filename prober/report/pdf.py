"""The page as PDF, as its print style has it."""

import weasyprint

from prober.report.formats import Subject
from prober.report.html import page


def render(subject: Subject) -> bytes:
    """Return a report as a PDF file, on A4."""
    document = weasyprint.HTML(string=page(subject, printed=True))
    return bytes(document.write_pdf(pdf_variant="pdf/ua-1"))
