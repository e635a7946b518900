import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from prober.errors import StoreAwayError, StoreError, UsageError
from prober.store import default_path, exists, open_store
from prober.store.engines import engine_for, transaction
from prober.store.migrating import VERSION_TABLE, migrate
from prober.store.places import place, shown
from prober.store.schema import SCHEMA_VERSION, metadata
from tests.store.samples import START_NS, annotation, cycle
from tests.store.words import live


def test_migrations_give_the_tables_that_the_code_knows(where: str) -> None:
    """What the steps make is what `schema` says, table by table and index by index."""
    engine = engine_for(place(where))
    migrate(engine)
    with transaction(engine, writes=False) as connection:
        options = {"version_table": VERSION_TABLE}
        found = MigrationContext.configure(connection, opts=options)

        assert [] == compare_metadata(found, metadata)
    engine.dispose()


def test_the_newest_step_is_the_version_that_the_code_wants() -> None:
    """A step that nobody made known would never be run."""
    script = ScriptDirectory("prober/store/migrations")

    assert script.get_heads() == [SCHEMA_VERSION]


def test_opening_again_finds_what_was_written(where: str) -> None:
    """A history outlives who wrote it, and opening it changes nothing."""
    with open_store(where) as store:
        store.put_cycles([cycle()])
    with open_store(where) as store:
        assert [cycle()] == store.cycles()


def test_several_may_open_a_new_history_at_once(where: str) -> None:
    """Migrations run under a lock: one makes the tables, the others find them."""
    failed: list[BaseException] = []
    together = threading.Barrier(6)

    def open_one() -> None:
        try:
            together.wait()
            open_store(where).close()
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failed


def test_a_history_of_a_later_prober_is_left_alone(where: str) -> None:
    """A newer schema is told in one sentence, with what to do."""
    open_store(where).close()
    engine = engine_for(place(where))
    with transaction(engine, writes=True) as connection:
        connection.execute(text("UPDATE schema_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreError, match=r"later prober \(schema 9999.*upgrade prober"):
        open_store(where)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Tables are not added to a file that another program keeps."""
    file = tmp_path / "theirs.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")

    with pytest.raises(StoreError, match="no history of prober: name another file"):
        open_store(file)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """Bytes of anything else give one sentence with the file's name."""
    file = tmp_path / "notes.txt"
    file.write_text("dear diary, " * 1_000)

    with pytest.raises(StoreError, match=r"notes\.txt.*file is not a database"):
        open_store(file)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The path is named, with the system's reason."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"cannot keep history in .*File exists"):
        open_store(tmp_path / "file" / "history.sqlite")


def test_a_history_is_for_nobody_but_its_user(tmp_path: Path) -> None:
    """Its folder and its files are closed to others, whatever the umask allows."""
    file = tmp_path / "new" / "folder" / "history.sqlite"
    with open_store(file) as store:
        store.put_cycles([cycle()])
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in file.parent.iterdir()
        }

    assert {"history.sqlite", "history.sqlite-shm", "history.sqlite-wal"} == set(modes)
    assert {0o600} == set(modes.values())
    assert 0o700 == stat.S_IMODE(file.parent.stat().st_mode)


def test_by_default_it_lies_in_the_users_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_DATA_HOME tells where, if it is absolute; else ~/.local/share."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert tmp_path / "prober/history.sqlite" == default_path()
    assert not exists()
    open_store().close()
    assert exists()

    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert Path.home() / ".local/share/prober/history.sqlite" == default_path()


def test_passwords_are_never_shown() -> None:
    """Neither the one before the host nor one among the options."""
    url = place("postgres://ada:s3cret@db.example/prober?passfile=x&sslpassword=s3cret")

    assert "s3cret" not in shown(url)
    assert shown(url).startswith("postgresql://ada:***@db.example/prober?")
    assert "/var/history.sqlite" == shown(place("sqlite:////var/history.sqlite"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://ada:s3cret@db/prober", "mysql://… is not known"),
        ("postgresql+asyncpg://db/prober", r"postgresql\+asyncpg://… is not known"),
        ("postgresql://db:port/prober", "cannot be read"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_cannot_be_is_told(url: str, words: str) -> None:
    """One sentence with what was expected, and nothing of what may be secret."""
    with pytest.raises(UsageError, match=words) as told:
        place(url)

    assert "s3cret" not in str(told.value)


def test_a_server_that_is_away_may_come_back() -> None:
    """Nobody listens there now: that is another error than one of ours."""
    with pytest.raises(StoreAwayError, match=r"ada:\*\*\*@127\.0\.0\.1:1/prober"):
        open_store("postgresql://ada:s3cret@127.0.0.1:1/prober")


def test_the_last_word_of_each_daemon_is_known(where: str) -> None:
    """One row for an environment and a daemon, the newest word over the one before."""
    later = live(at_ns=START_NS + 1, measuring=False, why_not="the token expired")
    neighbour = live(environment="staging", daemon="elsewhere:1")
    with open_store(where) as store:
        for word in (live(), later, neighbour):
            store.put_live(word)

        assert [later, neighbour] == store.live()
        assert [neighbour] == store.live(["staging"])


def test_words_of_another_version_are_left_out(where: str) -> None:
    """A daemon whose words we do not know keeps nobody from reading the others'."""
    with open_store(where) as store:
        store.put_live(live())
        store.put_live(live(daemon="elsewhere:1"))
    engine = engine_for(place(where))
    with transaction(engine, writes=True) as connection:
        connection.execute(
            text("UPDATE live SET document = '{}' WHERE daemon = 'elsewhere:1'")
        )
    engine.dispose()

    with open_store(where) as store:
        assert [live()] == store.live()


def test_records_are_kept_by_key(where: str) -> None:
    """What has to survive a restart comes back as the record that it was."""
    with open_store(where) as store:
        store.keep("alert/a_b/fast", annotation(text="first"), 1)
        store.keep("alert/a_b/fast", annotation(), 2)
        store.keep("alert/axb/slow", annotation("exclude"), 2)
        store.keep("alert/a_b/old", annotation(), 2)
        store.forget("alert/a_b/old")

        assert {"alert/a_b/fast": annotation()} == store.kept(
            "alert/a_b", type(annotation())
        )
        with pytest.raises(StoreError, match="under 'alert/axb/slow' that prober did"):
            store.kept("alert/axb", int)
