"""History: what was measured, what people added to it, and what goes on now.

    open_store → Store     every write and read, one transaction each (`store`)
    Spool                  writes from a daemon, in a thread, kept while it is away

A cycle is written when it opens and when it is final, with its hour's sum in the same
transaction; windows are read from whole hours and, at their ends, from cycles.
"""

from prober.store.places import default_path, exists, where_is
from prober.store.reading import Known
from prober.store.spool import Spool, Waiting
from prober.store.store import Store, open_store

__all__ = [
    "Known",
    "Spool",
    "Store",
    "Waiting",
    "default_path",
    "exists",
    "open_store",
    "where_is",
]
