"""What alembic runs: the steps, over the connection that it is given."""

from alembic import context

from prober.store.migrating import VERSION_TABLE
from prober.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
