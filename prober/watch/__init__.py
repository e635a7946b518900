"""The daemon: many environments, watched for months, each under its own supervision.

watched     what one environment is, as the daemon is given it
schedule    when cycles are due, and which were missed
supervisor  keeps one environment measured, and tells what it is doing
ourselves   is it mine? what the daemon measures on itself
daemon      all of them together: signals, reload, the store, the page
notices     what it tells of itself: a line each
snapshot    what the page's process is pushed; server and serving are its two ends
"""
