"""Failures that were seen on other platforms: each is played by a scenario, or has a test, or a reason why not here.

The rows are those of our collection of public threads (sections 2A to 2H, and the ten of 4). A scenario is played
against a desk by `test_rehearsed`; a test is named by its function.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS

NO = "not here: "  # what has no place in this design, and why

ROWS: dict[str, str] = {
    # 2A ambiguous submit
    "submit-read-timeout-then-resend": "timeout-after-accept",
    "resend-until-out-of-money": "refused-for-money-after-fill",
    "timeout-status-unknown-retry-after-accept": "test_a_duplicate_id_refusal_means_the_first_one_arrived",
    "order-lands-after-timeout": "lands-late",
    "cable-pulled-after-accept": "reset-after-accept",
    "timed-out-order-filled-before-lookup": "filled-before-look-up",
    "order-placed-empty-reply": "empty-after-accept",
    "acknowledged-but-no-json": "no-json-after-accept",
    "transport-retry-on-post": "test_alpaca_py_has_the_inner_parts_that_are_reached_for_and_its_retries_are_off",
    "slow-balancer-submit-fills": "504-after-accept",
    "reservation-released-on-timeout": "test_a_timed_out_order_is_looked_up_before_it_is_sent_again",
    "order-id-of-another-order": "id-of-another-order",
    "order-id-missing-from-reply": "id-missing",
    "stop-loss-verify-fails-then-again": "held-leg-not-listed",
    "agent-retries-whole-action": "test_client_ids_are_the_same_for_the_same_decision_and_differ_for_any_other",
    "timeout-booked-as-failure-event": "test_an_order_nobody_can_tell_about_stays_unknown_and_holds_the_clock",
    "stop-command-races-strategy": "test_a_halt_in_the_middle_of_a_basket_stops_the_orders_that_were_not_sent_yet",
    # 2B lost, duplicated or late fills
    "fills-dropped-while-marked-disconnected": "fills-around-a-cut",
    "one-fill-frame-missing-stream-healthy": "lost-fill",
    "stream-hangs-silently": "test_a_mute_stream_wakes_all_the_same_and_is_made_anew",
    "fill-during-modify": "fill-during-replace",
    "callback-order-not-guaranteed": "fill-before-accept",
    "fill-before-broker-id-known": "test_a_fill_of_an_order_that_nobody_knows_is_kept_until_its_order_is_known",
    "market-order-no-fill-event": "no-fill-events",
    "cumulative-read-as-increment": NO + "fills are executions with an id; a running total is compared, never booked",
    "fill-id-order-assumed-global": "test_an_execution_that_is_written_down_late_is_told_all_the_same",
    "fill-skipped-in-grid": "test_a_refused_cancel_makes_the_desk_ask_how_the_order_stands",
    "partial-then-stale-position": "stale-positions",
    "fill-wiped-by-older-snapshot": "stale-positions",
    "callback-before-position-update": NO + "no callback of a strategy: the ledger is written, and then it is read",
    "replayed-fills-on-restart": "replayed-fills",
    "replay-with-resend-marker-ignored": "replayed-fills",
    "duplicate-suppresses-status-too": "doubled-events",
    "split-fill-redelivered": "test_fills_told_twice_are_booked_once",
    "stale-baseline-books-twice": "restart",
    "cancel-and-fill-together": "late-fill-after-cancel",
    "late-fill-on-deleted-order": "test_a_fill_that_comes_after_its_order_was_cancelled_is_booked",
    "rejected-then-filled-on-stream": "late-fill-after-cancel",
    "bracket-sibling-counts-replay": "doubled-events",
    # 2C wrong state at restart or reconnect
    "warm-restart-flattens-position": "test_starting_twice_with_nothing_new_places_no_order_and_books_nothing",
    "restart-drops-working-orders": "restart",
    "long-held-position-out-of-window": "test_the_known_case_ends_as_it_should",
    "restart-books-alignment-as-orders": "test_starting_twice_with_nothing_new_places_no_order_and_books_nothing",
    "own-orders-unmanageable-after-restart": "restart",
    "open-orders-timeout-as-empty": "orders-time-out",
    "nondeterministic-synthetic-ids": "test_the_known_case_ends_as_it_should",
    "mismatch-never-converges": "busted-untold",
    "closed-outside-opens-opposite": "closed-outside",
    "snapshot-failure-read-as-flat": "positions-fail",
    "mismatch-logged-then-ignored": "test_drift_halts_new_orders_and_says_what_differs",
    "venue-omits-symbol": "positions-in-part",
    "orders-not-reloaded": "restart",
    "orders-lost-after-failed-exit-cancel": "cancel-not-done-504",
    "reconnect-orders-list-empty": "filled-before-look-up",
    "completed-orders-as-new-objects": "test_an_order_from_elsewhere_and_held_legs_are_told",
    "client-order-number-reused": "test_client_ids_are_the_same_for_the_same_decision_and_differ_for_any_other",
    "connect-succeeds-with-failed-sync": "fills-fail",
    "session-cache-as-positions": "positions-empty",
    "forced-liquidation-not-ours": "order-from-outside",
    "recancel-of-terminal-orders": "test_two_cancels_at_once_are_one_and_the_second_is_told_so",
    "unknown-enum-at-start": "unknown-enum",
    # 2D a timeout or an error taken for an answer
    "not-found-means-failed": "not-found-then-found",
    "inflight-retries-exhausted": "test_an_order_nobody_can_tell_about_stays_unknown_and_holds_the_clock",
    "ambiguous-turned-rejected": "test_the_known_case_ends_as_it_should",
    "network-error-loses-order": "reset-after-accept",
    "order-not-found-loop": "test_not_found_proves_nothing_until_the_order_had_time_to_arrive",
    "cancelled-order-not-found-kills-bot": "test_the_known_case_ends_as_it_should",
    "order-query-raises": "orders-time-out",
    "refused-cancel-means-alive": "cancel-refused-filled",
    "cancel-of-unknown-stuck": "test_a_refused_cancel_makes_the_desk_ask_how_the_order_stands",
    "five-second-fill-wait": "slow-fills",
    "accepted-then-rejected-async": "accepted-then-rejected",
    "rejected-event-unhandled": "accepted-then-rejected",
    "replace-error-but-replaced": "replace-refused-but-done",
    "html-with-200": "html-with-200",
    "place-order-json-crash": "502-html-after-accept",
    "message-says-go-and-look": "error-but-done",
    "new-statuses-appear": "unknown-status",
    "invalid-order-triggers-market-sell": "test_an_exit_that_is_refused_is_tried_again_at_the_next_price",
    # 2E cancel, replace and partial-fill races
    "replace-after-partial-uses-old-qty": "replace-after-partial",
    "replace-leaves-pending-cancel": "pending-cancel",
    "cancel-all-then-oco": "test_what_is_at_work_on_the_position_is_cancelled_first",
    "stream-replaced-shows-old": "replace-done-but-html",
    "held-leg-not-in-open-list": "held-leg-not-listed",
    "stop-partly-filled-then-cancelled": "partial-then-cancel",
    "partial-exit-not-cancellable": "partial-then-cancel",
    "sell-while-stop-holds-shares": "test_sells_at_work_are_no_longer_there_to_sell",
    "cancel-before-create-acknowledged": (
        "test_a_cancel_of_an_order_that_nobody_acknowledged_is_sent_once_its_outcome_is_known"
    ),
    "modify-during-outage-makes-two": "replace-makes-two",
    # 2F links, limits and clocks
    "connected-but-mute": "mute-stream",
    "reconnect-storm-429": "test_the_wait_between_attempts_grows_is_never_the_same_and_has_an_end",
    "order-while-stream-down": "cut-before-update",
    "order-accepted-stream-silent": "mute-stream",
    "stream-never-reconnects": "test_the_stream_wakes_on_connection_on_news_and_after_it_was_cut",
    "refusal-loop-to-daily-cap": "test_the_same_refusal_again_and_again_halts_the_book_and_not_the_others",
    "throttled-create-as-html": "429-html",
    "overloaded-503-on-create": "503-after-accept",
    "cancelled-but-reported-failed": "cancel-done-but-504",
    "resubmit-loop-hits-limits": "429-storm",
    "clock-skew-refuses-everything": "clock-skew",
    "disconnect-event-missing": "fills-around-a-cut",
    "weekend-reset-longer-than-expected": "stale-account",
    "stale-quote-object": "test_a_price_ages_while_the_market_is_open",
    # 2G account, calendar, instrument
    "liquidate-more-than-held": "test_no_sell_goes_below_what_is_held",
    "residual-below-lot": "test_the_lot_and_the_tick_of_the_venue_bind",
    "rounded-to-zero": "test_bad_orders_are_refused_with_what_was_given_and_what_was_expected",
    "notional-and-qty": NO + "money is turned into units when the ticket is written; the wire has a quantity only",
    "notional-only-market": NO + "money is turned into units when the ticket is written; the wire has a quantity only",
    "fractional-cannot-sell-whole": "test_what_alpaca_never_takes_is_refused_before_the_wire",
    "split-not-applied-live": "split-overnight",
    "stop-not-split-adjusted": "split-overnight",
    "contract-gone-after-corporate-action": "test_what_alpaca_refuses_in_its_own_words_is_refused",
    "halted-symbol-looks-like-missing-data": "test_a_halted_symbol_trades_neither_way_nor_does_its_option",
    "second-sell-becomes-short": "test_sells_at_work_are_no_longer_there_to_sell",
    "delisted-breaks-listing": "delisted-breaks-the-list",
    "on-open-order-too-early": "test_auctions_take_orders_up_to_their_cutoff",
    "after-hours-day-order": "test_what_expired_at_the_close_is_short_of_target",
    "pdt-blocks-exit": NO + "the broker dropped the rule and its fields in July 2026; a refusal is final and told",
    "liquidation-only-flag": "account-restricted",
    "flat-exit-refused-in-loop": "test_the_same_refusal_again_and_again_halts_the_book_and_not_the_others",
    "warning-bundled-as-error": NO + "the broker tells one code and one message an answer, no list of both",
    "opposite-side-refused": "test_no_order_may_trade_with_another_one_of_the_same_account",
    "late-broker-reject-as-cancelled": "partial-then-reject",
    # 2H gaps without a public case
    "halted-symbol-live": "halt",
    "symbol-renamed": "test_what_was_cancelled_and_units_in_words_that_are_new_are_left_to_the_comparison",
    "short-not-borrowable": "test_a_short_sale_needs_margin_and_a_share_that_can_be_borrowed",
    "two-desks-on-one-account": "test_a_desk_that_lost_its_lease_can_neither_write_nor_send",
    "killed-between-written-and-sent": "test_no_order_is_doubled_or_lost_whatever_is_killed",
    "killed-between-reply-and-booked": "test_no_order_is_doubled_or_lost_whatever_is_killed",
    "disk-full-on-the-write-before-sending": (
        "test_when_the_system_refuses_to_write_nothing_is_sent_and_afterwards_everything_is"
    ),
    # 4 the smallest set, as far as it is not above
    "position-list-older-than-the-last-fill": "stale-positions",
    "every-event-twice": "doubled-events",
    "every-event-missing": "mute-stream",
    "start-twice": "test_starting_twice_with_nothing_new_places_no_order_and_books_nothing",
    "scheduled-run-fires-twice": "test_the_same_decision_twice_trades_once",
}


@cache
def names_of_tests() -> frozenset[str]:
    files = Path(__file__).parents[1].rglob("test_*.py")
    return frozenset(name for file in files for name in re.findall(r"def (test_\w+)", file.read_text()))


@pytest.mark.parametrize("row", sorted(ROWS))
def test_a_known_failure_is_played_or_tested_or_has_a_reason(row: str) -> None:
    told = ROWS[row]
    if told.startswith(NO):
        assert len(told) > len(NO) + 20
    else:
        assert told in SCENARIOS or told in names_of_tests(), f"{told} is neither a scenario nor a test"


def test_every_scenario_is_there_for_a_row_or_for_more() -> None:
    named = set(ROWS.values())
    besides = {
        "positions-html", "price-gap", "dividend-overnight", "busted-fill", "corrected-fill", "never-arrived",
    }  # fmt: skip
    assert set(SCENARIOS) == (named & set(SCENARIOS)) | besides
