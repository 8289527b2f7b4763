"""Statements of SQLAlchemy's Core that are compiled once and run by the driver itself.

For a row by its key SQLAlchemy's own way takes five times as long, most of it for what is the same each time. What is
declared stays Core: SQLAlchemy makes the SQL, and values are written and read by the types of the columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any

from sqlalchemy import JSON, BindParameter, Boolean, ClauseElement, Connection, String, Table, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

Values = Mapping[str, Any]
_Process = Callable[[Any], Any]
_ROWS = methodcaller("fetchall")  #: all of them: a query that is not read to its end stays open
_CURSOR = "cursor"  #: where it is kept with a connection
_ROW_COUNT = attrgetter("rowcount")
_ROWS_AT_ONCE = (32, 16, 8, 4, 2, 1)  #: that are added by one statement of SQLite, which has each of them ready


class among(ColumnElement[bool]):
    """The condition that a column of texts has one of those in the list that is bound as ``name``.

    Unlike ``in_`` it is one statement, and one parameter, however many they are.
    """

    inherit_cache = False

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        """Compare ``column``."""
        self.column = column
        self.type = Boolean()
        self.in_json = bindparam(name, type_=JSON())
        self.in_array = bindparam(name, type_=ARRAY(String))

    def self_group(self, against: object = None) -> "among":
        """Stand in AND and OR as it is: a Boolean would be compared with 1 where there are none."""
        return self


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(each, **options) for each in (element.column, element.in_json))
    return f"{column} IN (SELECT value FROM json_each({texts}))"


@compiles(among)
def _among(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(each, **options) for each in (element.column, element.in_array))
    return f"{column} = ANY ({texts})"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement as one kind of database gets it."""

    sql: str
    binds: tuple[tuple[str, _Process | None], ...]  #: in their order; None sends a value as it is
    fixed: Values  #: values that are part of the statement
    positional: bool
    columns: tuple[str, ...]
    readers: tuple[tuple[int, _Process], ...]  #: by place, of the columns that the driver does not read by itself

    def parameters(self, values: Values) -> Any:
        """Return what the driver binds; a value that is missing is a KeyError."""
        known = {**self.fixed, **values} if self.fixed else values
        if self.positional:
            return [known[name] if process is None else process(known[name]) for name, process in self.binds]
        return {name: known[name] if process is None else process(known[name]) for name, process in self.binds}

    def read(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return a row by the names of its columns."""
        found = list(row)
        for place, process in self.readers:
            found[place] = process(found[place])
        return dict(zip(self.columns, found, strict=True))


def bound(table: Table) -> dict[str, BindParameter[Any]]:
    """Return a value for each column of a table, bound under its name."""
    return {column.key: bindparam(column.key, type_=column.type) for column in table.columns}


class Prepared:
    """A statement, without lists in it that grow: those are ``among``.

    Errors of the driver are raised as SQLAlchemy's DBAPIError, as those of other statements are. An INSERT names its
    values and is ``inline()``: nothing that the database makes up is asked for.
    """

    def __init__(self, statement: ClauseElement, **dialects: ClauseElement) -> None:
        """Declare a statement; in ``dialects``, by name, what is said in another way there."""
        self._statement = statement
        self._dialects = dialects
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, values: Values) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        read = self._for(connection.dialect).read
        return [read(row) for row in self._run(connection, values, _ROWS)]

    def first(self, connection: Connection, values: Values) -> dict[str, Any] | None:
        """Return the first row of a query that has few, or None."""
        rows = self._run(connection, values, _ROWS)
        return self._for(connection.dialect).read(rows[0]) if rows else None

    def scalar(self, connection: Connection, values: Values) -> Any:
        """Return the first column of the first row, or None."""
        row = self.first(connection, values)
        return None if row is None else next(iter(row.values()))

    def change(self, connection: Connection, values: Values) -> int:
        """Run what returns no rows, and return how many rows it has changed."""
        return int(self._run(connection, values, _ROW_COUNT))

    def change_many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Run it with each of these, and return how many rows were changed altogether."""
        if len(rows) == 1:
            return self.change(connection, rows[0])
        compiled = self._for(connection.dialect)
        cursor = driver_of(connection).cursor()
        try:
            cursor.executemany(compiled.sql, [compiled.parameters(values) for values in rows])
        except connection.dialect.loaded_dbapi.Error as error:
            raise failed(connection, compiled.sql, error) from error
        return int(cursor.rowcount)

    def _run(self, connection: Connection, values: Values, outcome: Callable[[Any], Any]) -> Any:
        """Run it once, and return what ``outcome`` takes from the driver's cursor."""
        compiled = self._for(connection.dialect)
        return _outcome(connection, compiled.sql, compiled.parameters(values), outcome)

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            statement = self._dialects.get(dialect.name, self._statement)
            found = self._compiled[dialect.name] = _compile(statement, dialect)
        return found


class PreparedRows(Prepared):
    """An INSERT of values that are given, of which SQLite gets many with one statement.

    While it runs one, no other thread of Python waits for it; before each next one it may wait for them.
    """

    def __init__(self, statement: ClauseElement) -> None:
        """Declare what inserts one row."""
        super().__init__(statement)
        self._of_many: dict[int, str] = {}

    def change_many(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Insert these, and return how many they are."""
        if connection.dialect.name != "sqlite":
            return super().change_many(connection, rows)
        compiled = self._for(connection.dialect)
        begin = 0
        for count in _ROWS_AT_ONCE:
            while len(rows) - begin >= count:
                part = rows[begin : begin + count]
                values = [value for row in part for value in compiled.parameters(row)]
                _outcome(connection, self._of_many.get(count) or self._of(count, compiled.sql), values, _ROW_COUNT)
                begin += count
        return len(rows)

    def _of(self, count: int, sql: str) -> str:
        statement, values, row = sql.partition(" VALUES ")
        self._of_many[count] = made = f"{statement}{values}{', '.join([row] * count)}"
        return made


def _outcome(connection: Connection, sql: str, parameters: Any, outcome: Callable[[Any], Any]) -> Any:
    """Run a statement, and return what ``outcome`` takes from the driver's cursor."""
    try:
        runner = connection.info.get(_CURSOR) or driver_of(connection)
        return outcome(runner.execute(sql, parameters))
    except connection.dialect.loaded_dbapi.Error as error:
        raise failed(connection, sql, error) from error


def _compile(statement: ClauseElement, dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    assert not compiled.post_compile_params, "a list that grows: use among()"
    names = tuple(compiled.positiontup or dict.fromkeys(compiled.bind_names.values()))
    binds = {name: compiled.binds[name] for name in names}
    returned = tuple(getattr(statement, "exported_columns", ()))
    readers = (each.type.dialect_impl(dialect).result_processor(dialect, None) for each in returned)
    return _Compiled(
        sql=str(compiled),
        binds=tuple((name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names),
        fixed={name: bind.value for name, bind in binds.items() if not bind.required},
        positional=compiled.positional,
        columns=tuple(each.key for each in returned),
        readers=tuple((place, process) for place, process in enumerate(readers) if process is not None),
    )


def keep_cursor(connection: Connection) -> None:
    """Let statements have one cursor of the driver for as long as it is connected: with psycopg one for each takes a
    third of their time. What a statement returns is read before the next one runs.
    """
    connection.info[_CURSOR] = driver_of(connection).cursor()


def driver_of(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.driver_connection


def failed(connection: Connection, sql: str, error: Exception) -> DBAPIError:
    """Return an error as SQLAlchemy raises it, with the connection given up where it is broken."""
    dialect: Any = connection.dialect
    if dialect.is_disconnect(error, driver_of(connection), None):
        connection.invalidate(error)
    return DBAPIError(sql, None, error)
