"""Run by Alembic: applies the revisions on the connection that ``store.migrate`` hands over, in one transaction."""

from alembic import context

from wsrf_activity.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
