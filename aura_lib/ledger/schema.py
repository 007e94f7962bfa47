"""The tables of the ledger: the journal (append-only), the inbox, and control (mutable, not chained)."""

from __future__ import annotations

import sqlalchemy as sa

VERSION = 3  # a new one needs its revision in `migrations`
KEY = "version"  # where meta keeps it
metadata = sa.MetaData()
Words = sa.String().with_variant(sa.String(collation="C"), "postgresql")  # sorted by code point everywhere

meta = sa.Table("meta", metadata, sa.Column("key", Words, primary_key=True), sa.Column("value", Words))

# ---- journal -------------------------------------------------------------------------------------------------------
journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("chain", Words, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),  # position in its chain, from 1, without holes
    sa.Column("time", Words, nullable=False),
    sa.Column("kind", Words, nullable=False),
    sa.Column("key", Words),  # what may be written once only: the second writer gets the first entry back
    sa.Column("body", sa.Text, nullable=False),  # canonical JSON
    sa.Column("prev", Words, nullable=False),
    sa.Column("hash", Words, nullable=False),
    sa.UniqueConstraint("chain", "n"),
    sa.UniqueConstraint("chain", "key"),
    sa.Index("journal_kind", "chain", "kind"),
)
heads = sa.Table(  # the last entry of each chain: what the next one follows, and what betrays a cut-off tail
    "heads",
    metadata,
    sa.Column("chain", Words, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("hash", Words, nullable=False),
)

# ---- inbox ---------------------------------------------------------------------------------------------------------
baskets = sa.Table(
    "baskets",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", Words, nullable=False, unique=True),  # origin@slot: the first written wins
    sa.Column("account", Words, nullable=False, index=True),
    sa.Column("token", Words, nullable=False),  # hash of the one-run token it came with
    sa.Column("time", Words, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
requests = sa.Table(  # what people and runners ask of a desk, other than orders: open a book, deposit
    "requests",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", Words, nullable=False, unique=True),
    sa.Column("account", Words, nullable=False, index=True),
    sa.Column("kind", Words, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

# ---- control -------------------------------------------------------------------------------------------------------
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("account", Words, primary_key=True),
    sa.Column("holder", Words, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),  # seconds since 1970, wall clock
)
heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("name", Words, primary_key=True),
    sa.Column("holder", Words, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("note", Words, nullable=False, default=""),
)
clocks = sa.Table(  # the simulated clock of an account: where it shall be, and up to where the desk has processed
    "clocks",
    metadata,
    sa.Column("account", Words, primary_key=True),
    sa.Column("target", Words, nullable=False),
    sa.Column("done", Words, nullable=False, default=""),
)
slots = sa.Table(
    "slots",
    metadata,
    sa.Column("job", Words, primary_key=True),
    sa.Column("slot", Words, primary_key=True),
    sa.Column("run", Words, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("holder", Words, nullable=False),
    sa.Column("status", Words, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
watches = sa.Table(  # from when on the slots of a job count as missed when nobody ran them
    "watches",
    metadata,
    sa.Column("job", Words, primary_key=True),
    sa.Column("since", Words, nullable=False),
)
removed = sa.Table(  # the runs whose outputs retention took away; the Run itself stays in the journal
    "removed",
    metadata,
    sa.Column("run", Words, primary_key=True),
    sa.Column("at", Words, nullable=False),
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("hash", Words, primary_key=True),
    sa.Column("run", Words, nullable=False),
    sa.Column("origin", Words, nullable=False),
    sa.Column("slot", Words, nullable=False),
    sa.Column("account", Words, nullable=False),
    sa.Column("book", Words, nullable=False),
    sa.Column("binding", Words, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)
switches = sa.Table(  # the kill switch, by account or ALL; every turn of it is also in the journal
    "switches",
    metadata,
    sa.Column("scope", Words, primary_key=True),
    sa.Column("halted", sa.Boolean, nullable=False),
    sa.Column("reason", Words, nullable=False),
)

# ---- Alembic -------------------------------------------------------------------------------------------------------
revisions = sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))

# The journal is append-only: the database itself refuses an update or a removal by anything that goes through it.
FUNCTION = (
    "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
)
TRIGGER = (
    "CREATE TRIGGER journal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
    "FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()"
)
APPEND_ONLY = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS journal_no_{verb.lower()} BEFORE {verb} ON journal "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (FUNCTION, TRIGGER),
}


def create(connection: sa.Connection) -> None:
    """Make everything, in a database that holds nothing of a ledger yet."""
    metadata.create_all(connection)
    for statement in APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)
    connection.execute(meta.insert().values(key=KEY, value=str(VERSION)))
    connection.execute(revisions.insert().values(version_num=f"{VERSION:04d}"))
