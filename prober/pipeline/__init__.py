"""The reference Loggregator: agent, router and reverse log proxy, diodes between."""
