"""The page as PDF, as its print style has it."""

import base64

import weasyprint
from markupsafe import Markup

from prober.report.charts import Chart
from prober.report.charts.svg import tag
from prober.report.formats import Subject
from prober.report.html import page
from prober.report.styles import styled


def render(subject: Subject) -> bytes:
    """Return a report as a PDF file, on A4."""
    document = weasyprint.HTML(string=page(subject, drawn=_drawn))
    return bytes(document.write_pdf(pdf_variant="pdf/ua-1"))


def _drawn(chart: Chart) -> Markup:
    """Return a chart as an image, whose elements no rule of the page is tried on."""
    picture = base64.b64encode(styled(chart.wide).encode()).decode()
    return tag(
        "img",
        src=f"data:image/svg+xml;base64,{picture}",
        alt=f"{chart.title}. {chart.description}",
        class_="chart wide",
    )
