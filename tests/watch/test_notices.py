import io
import json
from typing import get_args

from prober.clock import NS
from prober.watch.notices import LEVELS, Notice, Said, teller

AT_NS = 1_795_751_232 * NS + 500_000_000


def notice(**changes: object) -> Notice:
    """A cycle that lost something."""
    fields: dict[str, object] = {
        "at_ns": AT_NS,
        "said": "loss",
        "words": "lost 3 of 300 on rlp",
        "environment": "prod_eu",
        "figures": {"bad": 3, "total": 300},
    }
    return Notice(**{**fields, **changes})  # type: ignore[arg-type]


def told(*notices: Notice, lines: bool, colour: bool = False) -> str:
    """Return what stands on the stream afterwards."""
    stream = io.StringIO()
    tell = teller(stream, lines=lines, colour=colour)
    for each in notices:
        tell(each)
    return stream.getvalue()


def test_line_for_people() -> None:
    """Time, environment, sentence: and nothing else."""
    assert "03:47:12  prod_eu  lost 3 of 300 on rlp\n" == told(notice(), lines=True)
    alone = notice(environment="", words="stopped by SIGTERM", said="stopped")
    assert "03:47:12  stopped by SIGTERM\n" == told(alone, lines=True)


def test_line_of_json() -> None:
    """Machines get a document a line, with level, figures and a time in UTC."""
    assert {
        "at": "2026-11-27T03:47:12.500Z",
        "level": "warning",
        "said": "loss",
        "environment": "prod_eu",
        "bad": 3,
        "total": 300,
        "words": "lost 3 of 300 on rlp",
    } == json.loads(told(notice(), lines=False))


def test_colour_is_that_of_the_level() -> None:
    """What costs something is yellow, what needs us red, and what is well is plain."""
    found = told(
        notice(),
        notice(said="fault"),
        notice(said="measuring"),
        lines=True,
        colour=True,
    ).splitlines()

    assert ["\x1b[33m", "\x1b[31m", "03:47"] == [line[:5] for line in found]
    assert [True, True, False] == [line.endswith("\x1b[0m") for line in found]


def test_words_of_a_peer_move_no_cursor() -> None:
    """What a hostile peer says stands as its escapes, on one line."""
    found = told(notice(words="\x1b[2Jgone\nforged line"), lines=True)

    assert "03:47:12  prod_eu  \\x1b[2Jgone\\nforged line\n" == found


def test_stream_that_cannot_be_written() -> None:
    """A full disk, or a reader that left, costs a line and no measurement."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            del text
            raise OSError(28, "No space left on device")

    teller(Full(), lines=True)(notice())
    closed = io.StringIO()
    closed.close()
    teller(closed, lines=False)(notice())


def test_everything_that_is_said_has_a_level() -> None:
    """No notice is told without its weight."""
    assert set(get_args(Said)) == set(LEVELS)
