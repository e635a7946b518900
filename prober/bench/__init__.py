"""How much this machine's prober can do: measured against a pipeline that does nothing.

ends      what is measured, and the null pipeline's ends
null      the null pipeline, in another process
measure   each measurement, of the parts that are shipped
timed     how long it reads, and what it books
meter     what it costs, once it has settled
suite     which measurements there are, and up to which rate readings are to be trusted
results   what was measured, as facts and as a document
memory    the last bench, which `prober run` goes by: the only one that a run imports
"""
