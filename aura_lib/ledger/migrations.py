"""From an older schema to this one: one numbered step a version, each whole or not at all.

Add a step here, raise `schema.VERSION`, and change the tables in `schema`: a fresh ledger and a migrated one must come
out the same (a test compares them). A step never touches the journal: what is hashed stays as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from aura_lib.ledger import schema

Step = Callable[[sa.Connection], None]


def _scheduler_and_retention(connection: sa.Connection) -> None:
    """Version 2: from when on a job's slots count, and whose outputs are gone."""
    schema.metadata.create_all(connection, tables=[schema.watches, schema.removed])


STEPS: Mapping[int, Step] = {2: _scheduler_and_retention}
