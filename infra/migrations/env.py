"""Alembic's entry: runs the revisions on the connection that `migrate` of ml/adapters hands over.

There is no command-line use and no offline mode: `regain up` migrates.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
