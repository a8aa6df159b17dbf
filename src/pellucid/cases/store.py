"""Where the cases lie: three tables in a SQLite file or on a PostgreSQL server, opened with care and never half written."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from pellucid.errors import LibraryError, MissingExtra

FORMAT = "1"
WAIT_SECONDS = 60
SETTLE_SECONDS = 3.0
META = sa.MetaData()
ABOUT = sa.Table(
    "pellucid_library", META, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
LAYOUTS = sa.Table(
    "pellucid_layouts", META, sa.Column("sha256", sa.String(64), primary_key=True), sa.Column("axes", sa.Text, nullable=False)
)
"""Which concepts, with which states or unit, the numbers of a case stand for."""
CASES = sa.Table(
    "pellucid_cases",
    META,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("reading", sa.String(64), nullable=False, unique=True),
    sa.Column("image", sa.String(64), index=True),
    sa.Column("patient", sa.Text, nullable=False),
    sa.Column("reader", sa.Text, nullable=False),
    sa.Column("reader_version", sa.Text, nullable=False),
    sa.Column("weights", sa.String(64)),
    sa.Column("question", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("verified", sa.Text, nullable=False),
    sa.Column("confirmed_by", sa.Text),
    sa.Column("confirmed_on", sa.Text),
    sa.Column("answers", sa.Text, nullable=False),
    sa.Column("layout", sa.String(64), nullable=False),
    sa.Column("concepts", sa.LargeBinary, nullable=False),
    sa.Column("space", sa.String(64)),
    sa.Column("vector", sa.LargeBinary),
    sa.Column("added", sa.Text, nullable=False),
    sa.Column("content", sa.String(64), nullable=False),
)
HASHED = tuple(c.name for c in CASES.columns if c.name not in ("id", "added", "content"))


def content_of(row: Mapping[str, Any]) -> str:
    """SHA-256 of everything that a row says."""
    parts = [v.hex() if isinstance(v := row[name], bytes) else v for name in HASHED]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def open_store(where: str | Path, *, create: bool) -> sa.Engine:
    """The engine of a library at a path (SQLite) or a database URL; made new where there is none and `create`.

    Raises LibraryError, in one line, for a file or server that holds no library of this format; nothing is written to it.
    """
    text = str(where)
    new = "://" not in text and not Path(text).exists()
    if "://" not in text:
        if new and not create:
            raise LibraryError(f"{text}: expected a case library, got no file; `pellucid cases add` or `import` makes one")
        if not new:
            _check_settled(Path(text))
        url = sa.URL.create("sqlite", database=text)
    else:
        url = _server(text)
    name = url.render_as_string(hide_password=True) if "://" in text else text
    try:
        wait = {"timeout": WAIT_SECONDS} if url.get_backend_name() == "sqlite" else {}
        engine = sa.create_engine(url, connect_args=wait, hide_parameters=True)
    except NoSuchModuleError:
        raise LibraryError(f"{name}: expected a path or a postgresql:// address, got an unknown kind of database") from None
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "psycopg", "postgres", "a case library on a server") from None
    with faults(name):
        _check_tables(engine, name, create)
    return engine


def _server(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except (SQLAlchemyError, ValueError):
        raise LibraryError("library: expected a path or an address like postgresql://user@host/name, got another form") from None
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _check_settled(path: Path) -> None:
    """As `_check_file`; a file that was written just now gets time, since another process may be making it."""
    begun = time.monotonic()
    while True:
        try:
            return _check_file(path)
        except LibraryError:
            if time.monotonic() - begun > SETTLE_SECONDS or time.time() - path.stat().st_mtime > SETTLE_SECONDS:
                raise
            time.sleep(0.05)


def _check_file(path: Path) -> None:
    """LibraryError where a file is not a whole SQLite database."""
    if path.is_dir():
        raise LibraryError(f"{path}: expected the file of a case library, got a folder")
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or head[:16] != b"SQLite format 3\x00":
        raise LibraryError(f"{path}: expected a SQLite file, got something else; nothing was changed: name another file")
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big") if head[24:28] == head[92:96] else 0
    size, needed = path.stat().st_size, (65536 if page == 1 else page) * pages
    if size < needed and not path.with_name(f"{path.name}-journal").exists():
        raise LibraryError(
            f"{path}: expected {needed} bytes, got {size}: the file was cut off; nothing was changed: "
            f"take a copy from a backup, or `sqlite3 {path.name} .recover` what is left"
        )


def _check_tables(engine: sa.Engine, name: str, create: bool) -> None:
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        ours = {t.name for t in META.sorted_tables}
        if not tables & ours and create and (not tables or engine.dialect.name != "sqlite"):
            connection.rollback()
            _make(engine)
            return
        if not ours <= tables:
            others = ", ".join(sorted(tables - ours)[:3]) or "none"
            raise LibraryError(f"{name}: expected the tables of a case library, got a database with other tables ({others})")
        found = connection.execute(sa.select(ABOUT.c.value).where(ABOUT.c.name == "format")).scalar()
        if found != FORMAT:
            raise LibraryError(
                f"{name}: expected a case library of format {FORMAT}, got format {str(found)[:20]}; "
                "a later Pellucid wrote it: update, nothing was changed"
            )


def _make(engine: sa.Engine) -> None:
    """Makes the tables; where another process makes them at the same time, its are taken."""
    try:
        with engine.begin() as connection:
            META.create_all(connection)
            if connection.execute(sa.select(ABOUT.c.value)).first() is None:
                connection.execute(ABOUT.insert().values(name="format", value=FORMAT))
    except DatabaseError:
        with engine.connect() as connection:
            if connection.execute(sa.select(ABOUT.c.value).where(ABOUT.c.name == "format")).scalar() != FORMAT:
                raise


@contextmanager
def faults(name: str) -> Iterator[None]:
    """Turns whatever the database says into one line of LibraryError."""
    try:
        yield
    except SQLAlchemyError as error:
        told = " ".join(str(getattr(error, "orig", None) or error).split())[:160]
        raise LibraryError(f"{name}: the case library cannot be used ({told}); nothing was changed by this command") from None


def keep_layout(connection: sa.Connection, axes: Sequence[Sequence[Any]]) -> str:
    """The hash of a layout, kept where it is new."""
    text = json.dumps(axes, ensure_ascii=False, separators=(",", ":"))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if connection.execute(sa.select(LAYOUTS.c.sha256).where(LAYOUTS.c.sha256 == sha256)).first() is None:
        try:
            with connection.begin_nested():
                connection.execute(LAYOUTS.insert().values(sha256=sha256, axes=text))
        except IntegrityError:
            pass  # another process kept the same one
    return sha256
