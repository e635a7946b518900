"""Server-sent events cut out of the bytes of a body, undecoded."""

MAX_EVENT_BYTES = 64 << 20
"""What one event may hold: a batch is counted in envelopes, so it may be large."""


class EventTooLarge(Exception):  # noqa: N818 - a fact about the stream
    """An event has no end within any size that makes sense."""


class Events:
    """Takes the chunks of a body as they come, and gives the events that are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()  # a line that has no end yet
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[tuple[bytes, bytes]]:
        """Return name and data of each event that ends in a chunk.

        The name is empty for an event without one. Raises EventTooLarge.
        """
        head, newline, tail = chunk.rpartition(b"\n")
        lines = (self._rest + head).split(b"\n") if newline else ()
        if newline:
            self._rest.clear()
        self._rest += tail
        found = [self._line(bytes(line.removesuffix(b"\r"))) for line in lines]
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge
        return [event for event in found if event]

    def _line(self, line: bytes) -> tuple[bytes, bytes] | None:
        if not line:
            event = (self._name, b"\n".join(self._data))
            complete = bool(self._data)
            self._name, self._data, self._size = b"", [], 0
            return event if complete else None
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(line)  # an empty one takes its place, too
        elif field == b"event":
            self._name = value.removeprefix(b" ")
        return None  # a comment, or a field that is nothing to us
