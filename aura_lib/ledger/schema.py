"""The tables of the ledger: the journal (append-only), the inbox, and control (mutable, not chained)."""

from __future__ import annotations

import sqlalchemy as sa

VERSION = 2  # a new one needs its step in `migrations`
KEY = "version"  # where meta keeps it
metadata = sa.MetaData()

meta = sa.Table("meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String))

# ---- journal -------------------------------------------------------------------------------------------------------
journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("chain", sa.String, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),  # position in its chain, from 1, without holes
    sa.Column("time", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("key", sa.String),  # what may be written once only: the second writer gets the first entry back
    sa.Column("body", sa.Text, nullable=False),  # canonical JSON
    sa.Column("prev", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    sa.UniqueConstraint("chain", "n"),
    sa.UniqueConstraint("chain", "key"),
    sa.Index("journal_kind", "chain", "kind"),
)
heads = sa.Table(  # the last entry of each chain: the row a writer locks, and what betrays a cut-off tail
    "heads",
    metadata,
    sa.Column("chain", sa.String, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
)

# ---- inbox ---------------------------------------------------------------------------------------------------------
baskets = sa.Table(
    "baskets",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String, nullable=False, unique=True),  # origin@slot: the first written wins
    sa.Column("account", sa.String, nullable=False, index=True),
    sa.Column("token", sa.String, nullable=False),  # hash of the one-run token it came with
    sa.Column("time", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
requests = sa.Table(  # what people and runners ask of a desk, other than orders: open a book, deposit
    "requests",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String, nullable=False, unique=True),
    sa.Column("account", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

# ---- control -------------------------------------------------------------------------------------------------------
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),  # seconds since 1970, wall clock
)
heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("note", sa.String, nullable=False, default=""),
)
clocks = sa.Table(  # the simulated clock of an account: where it shall be, and up to where the desk has processed
    "clocks",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("done", sa.String, nullable=False, default=""),
)
slots = sa.Table(
    "slots",
    metadata,
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("slot", sa.String, primary_key=True),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
watches = sa.Table(  # from when on the slots of a job count as missed when nobody ran them
    "watches",
    metadata,
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("since", sa.String, nullable=False),
)
removed = sa.Table(  # the runs whose outputs retention took away; the Run itself stays in the journal
    "removed",
    metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("at", sa.String, nullable=False),
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("slot", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("book", sa.String, nullable=False),
    sa.Column("binding", sa.String, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)
switches = sa.Table(  # the kill switch, by account or ALL; every turn of it is also in the journal
    "switches",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("halted", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
)

# The journal is append-only: SQLite itself refuses an update or a removal by anything that goes through the database.
APPEND_ONLY = tuple(
    f"CREATE TRIGGER IF NOT EXISTS journal_no_{verb} BEFORE {verb.upper()} ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    for verb in ("update", "delete")
)
