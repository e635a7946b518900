"""Alerts: what deserves to wake somebody, until when, and who is told.

facts        what is known when rules are held against it
burning      the error budget burns too fast
unmeasured   nothing is measured, or nobody speaks
warnings     blind readers, certificates that end
keeper       what fires since when, over restarts
sending      to Alertmanager, and to a webhook
"""
