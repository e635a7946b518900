"""The daemon: its alerts, its metrics."""
