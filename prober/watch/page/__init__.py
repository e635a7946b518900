"""The live page: what `prober status` says, and more, for a browser.

    looking     the last snapshot and the store, read off the event loop, and kept
    glance      one environment at first sight: figures, strip, status
    course      one environment over a window: the report's page, the hour by cycles
    views       pages and the parts of them that are renewed
    api         the same as JSON, under /api/v1
    events      a stream that says when to look again
    guard       who may ask for what: hosts, methods, passwords, headers
    passwords   lines of `user:hash`, checked and made

Everything is rendered here; the only script fetches parts anew and puts them in place.
"""
