"""What the components of a stack are called where there may be several of a kind."""


def agents(count: int) -> tuple[str, ...]:
    """Return the names of so many agents: a single one has no number."""
    return ("agent",) if count == 1 else _numbered("agent", count)


def routers(count: int) -> tuple[str, ...]:
    """Return the names of so many routers."""
    return _numbered("router", count)


def _numbered(kind: str, count: int) -> tuple[str, ...]:
    return tuple(f"{kind}-{number}" for number in range(1, count + 1))
