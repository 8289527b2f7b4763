"""The statements about servers that share a database: their leases, by the database's own clock. PostgreSQL only."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import BigInteger, RowMapping, and_, delete, exists, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql

from wsrf_activity.model.phases import Phase
from wsrf_activity.model.servers import Registered, Server
from wsrf_activity.store.tables import activity as activities
from wsrf_activity.store.tables import role as roles
from wsrf_activity.store.tables import server as servers
from wsrf_activity.store.unwritten import Statements

_MICROSECOND = timedelta(microseconds=1)
_NOW = literal_column("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint", BigInteger)
_FIELDS = ("id", "host", "boot", "pid", "start", "folder")
_HELD = and_(activities.c.phase == Phase.EXECUTING.value, activities.c.holder == servers.c.id)
_REGISTERED = select(servers, (servers.c.until - _NOW).label("remaining"))


class Servers(Statements):
    """The statements on one connection."""

    def renew(self, server: Server, lease: timedelta) -> bool:
        """Let a server's lease run anew; False where it had none: then others may have taken what it held."""
        until = _NOW + lease // _MICROSECOND
        valid = update(servers).where(servers.c.id == server.id, servers.c.until > _NOW).values(until=until)
        if self._connection.execute(valid).rowcount == 1:
            return True
        row = {name: getattr(server, name) for name in _FIELDS}
        begin = postgresql.insert(servers).values(**row, until=until)
        self._connection.execute(begin.on_conflict_do_update(index_elements=["id"], set_={"until": until}))
        return False

    def holds_lease(self, server_id: str) -> bool:
        """Whether the server's lease runs. Until the transaction ends nobody can take over what the server holds."""
        valid = select(servers.c.id).where(servers.c.id == server_id, servers.c.until > _NOW)
        return self._connection.execute(valid.with_for_update(read=True, key_share=True)).first() is not None

    def lead(self, server_id: str, name: str) -> bool:
        """Take a role that no living server has; False where another one has it. It goes with the server's lease."""
        living = exists(select(servers.c.id).where(servers.c.id == roles.c.server, servers.c.until > _NOW))
        take = postgresql.insert(roles).values(name=name, server=server_id)
        take = take.on_conflict_do_update(
            index_elements=["name"], set_={"server": server_id}, where=or_(roles.c.server == server_id, ~living)
        )
        return self._connection.execute(take.returning(roles.c.name)).first() is not None

    def leave(self, server_id: str) -> None:
        """End a server's lease; it stays known for as long as it holds anything.

        A claim of its own that relies on the lease is waited for first: what it takes has to be seen by ``forget``.
        """
        self._connection.execute(select(servers.c.id).where(servers.c.id == server_id).with_for_update())
        self._connection.execute(update(servers).where(servers.c.id == server_id).values(until=_NOW, pid=0))
        self.forget(server_id)

    def others(self, server_id: str) -> Sequence[Registered]:
        """Return all servers but this one, dead or alive."""
        return [each for each in self.every() if each.server.id != server_id]

    def every(self) -> Sequence[Registered]:
        """Return all servers, dead or alive."""
        return [_registered(row) for row in self._connection.execute(_REGISTERED).mappings()]

    def seize(self, server_id: str) -> Registered | None:
        """Lock a server's row to take over what it holds; None where another does, or has done so.

        While it is locked its lease is neither renewed nor relied upon.
        """
        query = _REGISTERED.where(servers.c.id == server_id).with_for_update(skip_locked=True)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else _registered(row)

    def forget(self, server_id: str) -> None:
        """Delete a server that holds nothing any more."""
        holds = exists(select(activities.c.id).where(_HELD))
        self._connection.execute(delete(servers).where(servers.c.id == server_id, ~holds))

    def lost(self) -> Sequence[str]:
        """Return what executes and is held by nobody that is known, as after an upgrade."""
        query = select(activities.c.id).where(
            activities.c.phase == Phase.EXECUTING.value, ~exists(select(servers.c.id).where(_HELD))
        )
        return self._connection.execute(query).scalars().all()

    def held(self, server_id: str) -> dict[str, int]:
        """Return what a server holds, and the fence of each."""
        query = select(activities.c.id, activities.c.fence).where(
            activities.c.phase == Phase.EXECUTING.value, activities.c.holder == server_id
        )
        return {row.id: row.fence for row in self._connection.execute(query)}


def _registered(row: RowMapping) -> Registered:
    return Registered(Server(**{name: row[name] for name in _FIELDS}), row["remaining"] * _MICROSECOND)
