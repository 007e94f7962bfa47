"""Streams between processes, over Kafka: publish what a feed tells, open what another one published.

    feed.every("5m").listen(kafka.Publisher("bars"), essential=True)          # in one process
    data.stream.open(["AAPL"], "kafka:bars,group=signals", paused=True)       # in another

Delivery is at least once: a message counts as read only when all listeners have had it and what they sent on has
arrived. What comes again, after a failure or a restart, is known by symbol and time (or number) and dropped; how far
it came, and what its rolling indicators were at, is kept in a file that is replaced with every batch. So each event
counts once in what is kept, and may be published twice only to those who drop it for the same reason.

Settings come from the environment: AURA_KAFKA_BOOTSTRAP_SERVERS=host:9092, and any other of the client's, such as
AURA_KAFKA_SECURITY_PROTOCOL=SASL_SSL, AURA_KAFKA_SASL_MECHANISM, AURA_KAFKA_SASL_USERNAME, AURA_KAFKA_SASL_PASSWORD,
AURA_KAFKA_SSL_CA_LOCATION. Their values are never part of a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import Event as Flag
from typing import Any, cast

from aura_lib.core import Bar, DataError, InputError, Settings, Tick
from aura_lib.data.stream.events import Deliver, Event, Traits
from aura_lib.data.stream.wire import pack, unpack

__all__ = ["Publisher", "Topic", "settings_of"]

PREFIX = "AURA_KAFKA_"
SECRET = re.compile(r"password|secret|key|token|pem|jaas|oauthbearer.config")
UNDERSCORED = {"log.level": "log_level"}  # the client's one setting in use that is spelled so
BATCH = 500  # messages that are handled, and counted as read, together
POLL = 0.2  # seconds
PATIENCE = 30.0  # seconds that a batch may take to arrive
NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def settings_of(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The client's settings that the environment names; InputError when it does not say where Kafka is."""
    env = os.environ if environ is None else environ
    names = {key: key.removeprefix(PREFIX).lower().replace("_", ".") for key in env if key.startswith(PREFIX)}
    given = {UNDERSCORED.get(name, name): env[key] for key, name in names.items() if env[key]}
    if "bootstrap.servers" not in given:
        raise InputError(f"Kafka is nowhere: set {PREFIX}BOOTSTRAP_SERVERS=host:9092")
    return given


def _client() -> Any:
    try:
        import confluent_kafka
    except ImportError as error:
        raise InputError("streams over Kafka need the client: pip install 'aura-lib[kafka]'") from error
    return confluent_kafka


def _made(kind: Any, config: Mapping[str, Any]) -> Any:
    """A client of a kind; its complaint about a setting without the values of secrets."""
    try:
        return kind(dict(config))
    except _client().KafkaException as error:
        hidden = str(error)
        for key, value in config.items():
            if SECRET.search(key) and value:
                hidden = hidden.replace(str(value), "***")
        raise InputError(f"Kafka's client does not take these settings ({PREFIX}…): {hidden}") from None


class Publisher:
    """Sends events to a topic, by symbol (so that those of one symbol stay in order). A listener, best `essential`.

    `settle` returns when all that was sent has arrived, and raises DataError when something has not; a feed calls it
    after each batch. The producer is idempotent: its own repeats arrive once.
    """

    def __init__(self, topic: str, config: Mapping[str, Any] | None = None, patience: float = PATIENCE) -> None:
        self.topic = _name(topic, "topic")
        self.sent = 0
        self._patience = patience
        self._failed: list[str] = []
        safe = {"enable.idempotence": True, "acks": "all", "compression.type": "lz4", "linger.ms": 5}
        limit = {"message.timeout.ms": int(patience * 1000)}
        self._producer = _made(_client().Producer, {**safe, **limit, **(settings_of() if config is None else config)})

    def __call__(self, event: Event) -> None:
        """Send one; it is under way when this returns."""
        message, key = pack(event), event.symbol.encode()
        while True:
            try:
                self._producer.produce(self.topic, message, key=key, on_delivery=self._arrived)
                break
            except BufferError:  # the client's own bound: wait until some have arrived
                self._producer.poll(0.1)
        self.sent += 1
        self._producer.poll(0)

    def _arrived(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed.append(error.str())

    def settle(self) -> None:
        """Wait until all has arrived."""
        left = self._producer.flush(self._patience)
        failed, self._failed = self._failed, []
        if failed or left:
            why = failed[0] if failed else f"no answer in {self._patience:.0f} s"
            raise DataError(f"{len(failed) or left} event(s) did not reach the topic {self.topic}: {why}")


class Topic:
    """A stream of what is published on a topic, as a member of a group that shares its partitions.

    Options stand after the topic: `bars,group=signals,member=one`. A group reads each event once between its members;
    it starts with the oldest that is kept. A member that has a name comes back to its own partitions, without the
    group waiting for it to be given up; two on one machine need two names. A member that takes over the symbols of
    another begins their measures anew.
    """

    traits = Traits(resumes=True, settles=True)

    def __init__(self, told: str, home: Path | None = None, config: Mapping[str, Any] | None = None) -> None:
        topic, *options = told.split(",")
        given = dict(option.partition("=")[::2] for option in options)
        if set(given) - {"group", "member"}:
            raise InputError(f"kafka:{told}: after the topic come group=NAME and member=NAME, and nothing else")
        self.topic = _name(topic, "topic")
        self.group = _name(given.get("group", "aura"), "group")
        self.member = _name(given["member"], "member") if "member" in given else ""
        self.name = f"kafka:{self.topic}"
        file = "-".join(part for part in (self.topic, self.group, self.member) if part)
        self.place = (home or Settings.load().home) / "streams" / f"{file}.json"
        self._config = settings_of() if config is None else dict(config)
        _client()

    def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Flag) -> None:
        """Deliver what is published; a batch is counted as read when `deliver` has returned."""
        own = {"group.id": self.group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        own |= {"topic.metadata.refresh.interval.ms": 10_000}  # a topic that is made later is noticed, not in minutes
        static = {"group.instance.id": self.member} if self.member else {}
        consumer = _made(_client().Consumer, {**own, **static, **self._config})
        wanted = frozenset(symbols)
        try:
            consumer.subscribe([self.topic])
            while not stopped.is_set():
                messages = self._sound(consumer.consume(BATCH, POLL))
                events = [event for event in (unpack(m.value()) for m in messages) if event.symbol in wanted]
                deliver(cast("Sequence[Tick | Bar]", events))  # an empty batch is a sign of life
                if messages:
                    self._commit(consumer)
        finally:
            consumer.close()

    def _sound(self, messages: Sequence[Any]) -> list[Any]:
        """The messages that are no errors; an error that does not pass by itself raises DataError."""
        codes = _client().KafkaError
        passing = (codes._PARTITION_EOF, codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC, codes._TRANSPORT)
        sound = []
        for message in messages:
            error = message.error()
            if error is None:
                sound.append(message)
            elif error.code() in (codes._AUTHENTICATION, codes.SASL_AUTHENTICATION_FAILED):
                raise InputError(f"Kafka refused {PREFIX}SASL_USERNAME and its password ({error.name()})")
            elif error.code() not in passing or error.fatal():
                raise DataError(f"Kafka: {error.str()}")
        return sound

    def _commit(self, consumer: Any) -> None:
        try:
            consumer.commit(asynchronous=False)
        except _client().KafkaException as error:  # the group was shared out anew: it comes again, and is dropped
            raise DataError(f"Kafka did not take note of what was read: {error.args[0].str()}") from error

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> Sequence[Tick | Bar]:
        """Nothing: a group goes on where it was."""
        return ()


def _name(name: str, what: str) -> str:
    if not NAME.fullmatch(name):
        raise InputError(f"{what} {name!r}: letters, digits, dots, dashes and underscores")
    return name
