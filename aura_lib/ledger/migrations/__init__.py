"""From an older schema to this one, by Alembic: one revision a version, in `versions`, each whole or not at all.

Add a revision there, raise `schema.VERSION`, and change the tables in `schema`: a fresh ledger and a migrated one must
come out the same (a test compares them). A revision never touches the journal: what is hashed stays as it was written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_lib.ledger import schema

if TYPE_CHECKING:
    import sqlalchemy as sa


def revision(version: int) -> str:
    """What Alembic calls a version of the schema."""
    return f"{version:04d}"


def upgrade(connection: sa.Connection, old: int) -> None:
    """Bring the tables of version `old` (0: none) up to this one, within the transaction that the caller has open."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    newest = revision(schema.VERSION)

    def steps(heads: Any, _: Any) -> Any:
        return scripts._upgrade_revs(newest, heads)

    schema.revisions.create(connection, checkfirst=True)
    if old:
        connection.execute(schema.revisions.insert().values(version_num=revision(old)))
    with EnvironmentContext(config, scripts, fn=steps, destination_rev=newest) as environment:
        environment.configure(connection=connection, target_metadata=schema.metadata)
        environment.run_migrations()
