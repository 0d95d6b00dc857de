"""Called by Alembic; works on the connection it is given."""

from alembic import context

from storage.index.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
