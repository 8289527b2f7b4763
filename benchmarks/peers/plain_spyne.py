"""Plain Spyne: a WSGI service on waitress with SQLAlchemy, as the tutorials of the three would write it.

It does what is compared of our operations: start an activity, which is one committed row, and read one property of one.
"""

import logging
import sys
import uuid

import waitress
from sqlalchemy import Engine, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

# Before Spyne: without this it does not run on later Pythons.
from wsrf_activity.types import spyne_shim  # noqa: F401  # isort: skip

from spyne import Application, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication


class Base(DeclarativeBase):
    """The tables."""


class Activity(Base):
    """One activity."""

    __tablename__ = "activity"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    service: Mapped[str] = mapped_column(String(255))
    phase: Mapped[str] = mapped_column(String(16))


sessions: sessionmaker[Session] = sessionmaker()


class Activities(ServiceBase):
    """The two operations."""

    @rpc(Unicode, _returns=Unicode)
    def create_activity(ctx, service: str) -> str:
        """Store an activity and return its id."""
        activity_id = uuid.uuid4().hex
        with sessions() as session:
            session.add(Activity(id=activity_id, service=service, phase="Queued"))
            session.commit()
        return activity_id  # to read it of the object once it is committed would be one more query

    @rpc(Unicode, Unicode, _returns=Unicode)
    def get_resource_property(ctx, activity_id: str, name: str) -> str:
        """Return one property of an activity."""
        with sessions() as session:
            activity = session.get(Activity, activity_id)
            if activity is None:
                raise ValueError(f"no activity {activity_id}")
            return str(getattr(activity, name))


def connect(url: str) -> Engine:
    """Return the database, whose commits are as durable as the server's."""
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def prepare(connection, _record):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine


def main(url: str) -> None:
    """Serve on a free port, after printing its number."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that has to wait
    engine = connect(url)
    Base.metadata.create_all(engine)
    sessions.configure(bind=engine)
    application = Application([Activities], "urn:plain", in_protocol=Soap11(validator="lxml"), out_protocol=Soap11())
    server = waitress.create_server(WsgiApplication(application), host="127.0.0.1", port=0, connection_limit=1000)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1])
