"""The result as data, and one file a format.

    model         everything that is to be said about a run, worked out once
    environment   the same about an environment over a window: consumers (watched),
                  hours and days (slots), what happened (incidents)
    environments  several of them, the worst first
    comparison    before and after
    calibrated    a document of a calibration, to stand in a report
    again         a run of history as the result that it was
    formats       the table of formats, and which of them a file is in
    answer        what it comes to: sentences, and the one-line form
    facts         what stands behind it: tables and labelled lines
    words         figures and strings as people read them
    screen        answer and facts in their order, safe to show
    terminal      one screen: a panel, or plain lines
    html          one page: html_run, html_window and html_comparison say what is on
                  it, run_pictures and window_pictures what is drawn
    charts        pictures as inline SVG; styles holds how they and the page look
    svg, png      the answer and its first charts as one picture
    pdf, parquet  paper, and a table for notebooks
    json          one document, `prober.report/v1`

What a report promises to its reader stands in the project's folder `reports`.
"""

from prober.report.model import Report, build

__all__ = ["Report", "build"]
