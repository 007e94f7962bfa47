"""The API over HTTP: a real `aura up` with its desks, asked as a program asks it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from aura_lib.access import who
from aura_lib.core import Settings, utc
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger
from tests.server.conftest import Up, project

pytestmark = pytest.mark.slow
NAMES = ("story", "bought", "idle", "quiet", "halting", "flooded")  # an account a test: their order does not matter
QUIET = "accounts/quiet/orders"
Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A server with funded accounts on the sample's prices."""
    base = tmp_path_factory.mktemp("api")
    settings = Settings.load({"AURA_HOME": str(base / "home")})
    with Ledger.open(settings) as ledger:
        for name in NAMES:
            open_account(ledger, Terms(name, source="sample:ohlcv"))
            ledger.inbox.ask(name, "cash", {"book": "manual", "amount": Decimal(100_000), "why": "test"}, f"m:{name}")
            ledger.control.set_clock(name, moment(-300))
    with Up(project(base / "project"), base / "home") as running:
        until(lambda: all(ledger_of(running, name).cash for name in NAMES))
        yield running


def moment(bar: int) -> datetime:
    from aura_lib import data

    return data.load(source="sample:ohlcv").times[bar].to_pydatetime()


def ledger_of(up: Up, account: str) -> Any:
    with Ledger.open(Settings.load({"AURA_HOME": str(up.home)})) as ledger:
        return ledger.account(account)


def until(holds: Callable[[], Any], seconds: float = 90) -> Any:
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.1)
    assert found, "it did not come to pass"
    return found


def ask(up: Up, method: str, path: str, body: Any = None, **more: Any) -> Answer:
    sent = None if body is None else body if isinstance(body, str) else json.dumps(body)
    if method in ("POST", "PATCH") and sent is None:
        sent = ""
    answer = up.get(f"/aura/api/{path}", method=method, body=sent, **{"request_timeout": 110, **more})
    return answer.code, json.loads(answer.body or b"{}")


def wish(**more: Any) -> dict[str, Any]:
    """An order that rests: far below the market."""
    return {"symbol": "AAPL", "side": "buy", "quantity": "3", "type": "limit", "limit_price": "1.50", **more}


def ticket(key: str, *wishes: dict[str, Any]) -> dict[str, Any]:
    return {"book": "manual", "key": key, "orders": list(wishes)}


def test_an_order_is_looked_at_sent_changed_and_cancelled(api: Up) -> None:
    status, told = ask(
        api, "POST", "accounts/story/orders/preview", {"orders": [wish(), wish(notional="50000", quantity=None)]}
    )
    first, second = told["previews"]
    assert (status, first["decision"]["approved"], first["value"]) == (200, True, "4.50")
    assert second["order"]["quantity"] == "33333" and Decimal(second["cash"]) == Decimal(first["cash_after"])
    assert not ledger_of(api, "story").verdicts, "looking writes nothing"

    sent = ask(api, "POST", "accounts/story/orders", ticket("story", wish()))
    assert sent[0] == 201 and [d["approved"] for d in sent[1]["decisions"]] == [True]
    assert ask(api, "POST", "accounts/story/orders", ticket("story", wish())) == sent, (
        "the same key gets the first answer"
    )
    status, told = ask(api, "POST", "accounts/story/orders", ticket("story", wish(quantity="4")))
    assert status == 400 and "ticket story was for other orders" in told["message"]
    (name,) = sent[1]["orders"]

    order = until(
        lambda: (o := ask(api, "GET", f"accounts/story/orders/{name}")[1]) and o["status"] == "accepted" and o
    )
    assert (order["quantity"], order["limit_price"], order["remaining"]) == ("3", "1.50", "3")
    assert order["time"].endswith("Z") or order["time"].endswith("+00:00")
    status, new = ask(api, "PATCH", f"accounts/story/orders/{name}", {"limit_price": "1.40", "quantity": "5"})
    assert (status, new["parent"], new["limit_price"], new["quantity"]) == (200, name, "1.40", "5")
    until(lambda: [o["client_id"] for o in ask(api, "GET", "accounts/story/orders")[1]["rows"]] == [new["client_id"]])
    assert ask(api, "DELETE", f"accounts/story/orders/{new['client_id']}?reason=enough")[0] == 200
    until(lambda: ask(api, "GET", "accounts/story/orders")[1]["rows"] == [])
    status, told = ask(api, "DELETE", f"accounts/story/orders/{new['client_id']}")
    assert status == 400 and "it is cancelled" in told["message"], "cancelled twice"
    every = ask(api, "GET", "accounts/story/orders?status=all")[1]
    assert [o["status"] for o in every["rows"]] == ["cancelled", "replaced"] and every["total"] == 2


def test_what_is_bought_shows_in_account_fills_and_limits(api: Up) -> None:
    basket = [wish(type="market", limit_price=None, symbol=s) for s in ("AAPL", "MSFT")]
    status, told = ask(api, "POST", "accounts/bought/orders", ticket("bought", *basket))
    assert status == 201 and [d["approved"] for d in told["decisions"]] == [True, True]
    with Ledger.open(Settings.load({"AURA_HOME": str(api.home)})) as ledger:
        ledger.control.set_clock("bought", moment(-299))
    until(lambda: ask(api, "GET", "accounts/bought/fills")[1]["total"] == 2)
    page = ask(api, "GET", "accounts/bought/fills?limit=1")[1]
    rest = ask(api, "GET", f"accounts/bought/fills?limit=1&before={quote(page['next'])}")[1]
    assert [f["symbol"] for f in (*page["rows"], *rest["rows"])] == ["MSFT", "AAPL"] and rest["next"] is None
    assert ask(api, "GET", "accounts/bought/fills?symbol=msft")[1]["total"] == 1

    told = ask(api, "GET", "accounts/bought")[1]
    (book,) = told["books"]
    assert (told["class"], told["halted"], told["desk"]["alive"]) == ("paper", "", True)
    assert [p["symbol"] for p in book["positions"]] == ["AAPL", "MSFT"]
    worth = Decimal(book["cash"]) + sum(Decimal(p["value"]) for p in book["positions"])
    assert worth == Decimal(book["equity"]) == Decimal(told["equity"])
    bought = sum(
        Decimal(f["quantity"]) * Decimal(f["price"]) + Decimal(f["fee"]) for f in (*page["rows"], *rest["rows"])
    )
    assert Decimal(told["cash"]) == 100_000 - bought
    names = {row["name"] for row in ask(api, "GET", "accounts")[1]["accounts"]}
    assert names == set(NAMES)
    limits = {row["limit"]: row for row in ask(api, "GET", "accounts/bought/limits?book=manual")[1]["limits"]}
    gross = (worth - Decimal(book["cash"])) / worth
    assert abs(Decimal(limits["max_gross"]["used"]) - gross) < Decimal("1e-9")


def test_nothing_of_a_ticket_approved_is_422_with_the_rule_that_refused(api: Up) -> None:
    much = ask(
        api, "POST", "accounts/idle/orders", ticket("much", wish(type="market", limit_price=None, quantity="999999"))
    )
    assert much[0] == 422 and much[1]["error"] == "RiskRejection"
    assert much[1]["decision"]["approved"] is False and much[1]["decision"]["limit"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("GET", "accounts/nobody", None, 404, "no account 'nobody'; open accounts: story, b"),
        ("GET", "accounts/quiet/orders/nothing", None, 404, "account quiet has no order 'nothing'"),
        ("DELETE", "accounts/quiet/orders/nothing", None, 404, "account quiet has no order 'nothing'"),
        ("PATCH", "accounts/quiet/orders/nothing", {"quantity": "1"}, 404, "account quiet has no order 'nothing'"),
        ("POST", "halt", {"scope": "nobody", "reason": "x"}, 404, "no account 'nobody'"),
        ("POST", "halt", {"reason": " "}, 400, "needs a reason"),
        ("POST", "halt", {"reason": "x", "flaten": True}, 400, "flaten: there is no such field; did you mean fl"),
        ("POST", "resume", {"scope": "ALL"}, 400, "reason: Field required"),
        ("POST", QUIET, {"orders": [wish()]}, 400, "key: Field required"),
        ("POST", QUIET, ticket("k"), 400, "orders: List should have at least 1 item"),
        ("POST", QUIET, ticket("k", wish(colour="red")), 400, "orders.0.colour: there is no such field; there are s"),
        ("POST", QUIET, ticket("k", wish(quantity=0.1)), 400, 'orders.0.quantity: write it as text, such as "12.50"'),
        ("POST", QUIET, ticket("k", wish(quantity="-1")), 400, "orders.0.quantity: Input should be greater than 0"),
        ("POST", QUIET, ticket("k", wish(quantity="NaN")), 400, "orders.0.quantity: Input should be a fin"),
        ("POST", QUIET, ticket("k", wish(), wish(quantity="1." + "1" * 30)), 400, "orders.1: quantity=1.1"),
        ("POST", QUIET, ticket("k", wish(symbol="NOPE")), 400, "orders.0: NOPE is not traded on the prices"),
        ("POST", QUIET, ticket("k", wish(notional="100")), 400, "orders.0: give a quantity or a notional amount"),
        ("POST", QUIET, ticket("k", wish(type="market")), 400, "orders.0: a market order has no limit_price"),
        ("POST", QUIET, ticket("a key with spaces", wish()), 400, "key: String should match pattern"),
        ("POST", QUIET, "{not json", 400, "the body is no JSON"),
        ("POST", QUIET, [1], 400, "send a JSON object with book, orders, key"),
        ("GET", "accounts/quiet/orders?status=lost", None, 400, "status: Input should be 'open' or 'all'"),
        ("GET", "accounts/quiet/orders?limit=0", None, 400, "limit: Input should be greater than or equal to 1"),
        ("GET", "accounts/quiet/fills?before=x", None, 404, "there is no row 'x' in this list"),
        ("GET", "accounts/quiet/fills?colour=red", None, 400, "colour: there is no such field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence_and_writes_nothing(
    api: Up, method: str, path: str, body: Any, status: int, says: str
) -> None:
    code, told = ask(api, method, path, body)
    assert (code, says in told["message"]) == (status, True), told
    assert told["error"] in ("InputError", "NotFound")
    assert not ledger_of(api, "quiet").verdicts and not ask(api, "GET", "accounts/quiet")[1]["halted"]


def test_only_who_is_logged_in_is_answered_and_a_foreign_page_cannot_ask(api: Up) -> None:
    assert api.get("/aura/api/accounts", token=False).code in (302, 403)
    halt = {"method": "POST", "body": json.dumps({"reason": "foreign"})}
    assert api.get("/aura/api/halt", token=False, **halt).code == 403
    cookie = "; ".join(
        c.partition(";")[0]
        for c in api.get(f"/lab?token={api.told['token']}", token=False).headers.get_list("Set-Cookie")
    )
    read = api.get("/aura/api/accounts", token=False, headers={"Cookie": cookie})
    assert read.code == 200, "the cookie of a login reads"
    assert api.get("/aura/api/halt", token=False, headers={"Cookie": cookie}, **halt).code == 403, "but no XSRF, no act"
    assert not ask(api, "GET", "accounts/idle")[1]["halted"]


def test_permissions_are_asked_for_the_person_who_started_the_server(api: Up) -> None:
    file = api.home / "permissions.yaml"
    file.write_text(f"users:\n  {who()}:\n    - {{do: view, on: idle}}\n")
    try:
        assert [a["name"] for a in ask(api, "GET", "accounts")[1]["accounts"]] == ["idle"]
        assert ask(api, "GET", "accounts/story")[0] == 403
        for method, path, body in (
            ("POST", "accounts/idle/orders", ticket("denied", wish())),
            ("POST", "halt", {"scope": "idle", "reason": "x"}),
            ("POST", "resume", {"scope": "idle", "reason": "x"}),
        ):  # fmt: skip
            status, told = ask(api, method, path, body)
            assert status == 403 and f"{who()} may not" in told["message"]
    finally:
        file.unlink()


def test_the_description_names_every_question_with_its_body(api: Up) -> None:
    from aura_lib.server.api.routes import ROUTES

    status, told = ask(api, "GET", "openapi.json")
    schemas, paths = told["components"]["schemas"], told["paths"]
    assert status == 200 and told["openapi"].startswith("3.1")
    assert {(m.upper(), p.removeprefix("/aura/api/")) for p, ms in paths.items() for m in ms} == {
        (r.method, r.path) for r in ROUTES
    }
    for operation in (o for methods in paths.values() for o in methods.values()):
        assert operation["summary"].endswith(".") and "\n" not in operation["summary"]
        if body := operation.get("requestBody"):
            name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False
    refs = {text.partition('"')[0] for text in json.dumps(told).split("#/components/schemas/")[1:]}
    assert refs <= set(schemas)
    assert schemas["Wish"]["properties"]["quantity"]["anyOf"][0]["type"] == "string"


def test_the_kill_switch_acts_while_desk_and_kernels_hang_and_others_wait_for_them(api: Up) -> None:
    orders = "accounts/halting/orders"
    hanging = api.children()
    assert len(hanging) >= 2, "a desk, and the parent of the dashboards' kernels"
    for process in hanging:
        process.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(ask, api, "POST", orders, ticket(f"hung{n}", wish(type="market", limit_price=None)))
                       for n in range(6)]  # fmt: skip
            with Ledger.open(Settings.load({"AURA_HOME": str(api.home)})) as ledger:
                until(lambda: len(ledger.inbox.after("halting")) == 6)
            assert ask(api, "POST", "halt", {"scope": "halting", "reason": "storm", "cancel": True}) == (
                200, {"scope": "halting", "halted": True, "asked": ["halting"], "reason": "storm"},
            )  # fmt: skip
            assert not any(w.done() for w in waiting), "they wait for the desk; the switch did not"
            for process in hanging:
                process.send_signal(signal.SIGCONT)
            first = [w.result() for w in waiting]
    finally:
        for process in hanging:
            if process.is_running():
                process.send_signal(signal.SIGCONT)
    assert {status for status, _ in first} <= {422, 503}

    def refused() -> bool:
        again = [ask(api, "POST", orders, ticket(f"hung{n}", wish(type="market", limit_price=None))) for n in range(6)]
        return all(status == 422 and told["decision"]["rule"] == "halted" for status, told in again)

    until(refused)
    assert not ledger_of(api, "halting").orders, "nothing of it was ever sent"
    assert ask(api, "POST", "resume", {"scope": "halting", "reason": "over"})[0] == 200
    assert ask(api, "GET", "accounts/halting")[1]["halted"] == ""


def test_no_order_leaves_more_than_a_second_after_a_halt(api: Up) -> None:
    """Orders keep coming from several callers; the journal tells when the last one left."""
    with Ledger.open(Settings.load({"AURA_HOME": str(api.home)})) as ledger, ThreadPoolExecutor(4) as pool:

        def stream(caller: int) -> int:
            for n in range(200):
                status, _ = ask(api, "POST", "accounts/flooded/orders", ticket(f"s{caller}-{n}", wish()))
                if status != 201:
                    return n
            return -1

        callers = [pool.submit(stream, caller) for caller in range(4)]
        until(lambda: len(ledger.account("flooded").orders) >= 8)
        assert ask(api, "POST", "halt", {"scope": "ALL", "reason": "storm"})[0] == 200
        assert all(c.result() >= 0 for c in callers), "each was refused"
        halted = [utc(e.time) for e in ledger.journal.entries("system", kinds=("halt",))][-1]
        left = [
            utc(e.time) for e in ledger.journal.entries("flooded", kinds=("status",)) if e.body["status"] == "sending"
        ]
        assert left and max(left) <= halted + timedelta(seconds=1)
    assert ask(api, "POST", "resume", {"scope": "ALL", "reason": "over"})[0] == 200
