"""The model against the examples and the edge cases of the rules page, worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.model import (
    MICROSECOND,
    Activity,
    Extension,
    Hold,
    Interval,
    Lead,
    Policy,
    Reminder,
    Row,
    add_local,
    deadline,
    merged,
    zone,
)

BERLIN = "Europe/Berlin"
POLICY = Policy()
USER = 7


def t(text: str, fold: int = 0) -> datetime:
    """A wall-clock time in Berlin as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=zone(BERLIN), fold=fold).astimezone(UTC)


def hold(start: str, end: str | None, user: int = USER) -> Hold:
    return Hold(0, user, t(start), t(end) if end else None)


def lead(start: str, policy: Policy = POLICY) -> Lead:
    result = Lead(4711, USER)
    result.start_period(USER, policy, t(start))
    return result


def call(at: str, kind: str = "QUALIFIED_CALL", user: int = USER) -> Activity:
    return Activity(0, user, kind, t(at))


def reminder(at: str | None, window: str, kind: str = "INACTIVITY", user: int = USER) -> Reminder:
    return Reminder(user, kind, date.fromisoformat(window), t(at) if at else None)


def row(of: Lead, at: str | datetime) -> Row:
    result = of.row_at(t(at) if isinstance(at, str) else at)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("start", "interval", "expected"),
    [
        ("2025-08-31 09:00", Interval(months=6), "2026-02-28 09:00"),
        ("2023-08-31 09:00", Interval(months=6), "2024-02-29 09:00"),
        ("2024-02-29 12:00", Interval(months=12), "2025-02-28 12:00"),
        ("2026-01-31 10:00", Interval(months=1, days=10), "2026-03-10 10:00"),
        ("2026-01-20 09:00", Interval(days=60), "2026-03-21 09:00"),
        ("2026-01-30 09:00", Interval(days=60), "2026-03-31 09:00"),
        ("2026-03-31 10:00", Interval(months=-1), "2026-02-28 10:00"),
        ("2026-01-10 10:00", Interval(months=-1), "2025-12-10 10:00"),
        ("2026-03-27 10:00", Interval(days=2, microseconds=1), "2026-03-29 10:00:00.000001"),
    ],
)
def test_calendar_arithmetic_keeps_the_wall_clock_and_the_end_of_the_month(
    start: str, interval: Interval, expected: str
) -> None:
    assert add_local(t(start), interval, BERLIN) == t(expected)


def test_a_skipped_time_moves_on_by_the_hour_and_a_repeated_one_is_the_second() -> None:
    assert add_local(t("2026-03-28 02:30"), Interval(days=1), BERLIN) == t("2026-03-29 03:30")
    assert add_local(t("2026-10-24 02:30"), Interval(days=1), BERLIN) == t("2026-10-25 02:30", fold=1)


def test_overlapping_and_touching_holds_count_once_and_empty_ones_not_at_all() -> None:
    holds = [
        hold("2026-03-05 08:00", "2026-03-10 08:00"),
        hold("2026-03-01 08:00", "2026-03-06 08:00"),
        hold("2026-03-01 08:00", "2026-03-06 08:00"),
        hold("2026-03-10 08:00", "2026-03-11 08:00"),
        hold("2026-03-20 08:00", "2026-03-20 08:00"),
    ]
    assert merged(holds, t("2026-06-01 08:00")) == [(t("2026-03-01 08:00"), t("2026-03-11 08:00"))]


def test_a_hold_at_or_after_the_deadline_revives_nothing() -> None:
    start, length = t("2026-01-10 09:00"), Interval(days=10)
    end = t("2026-01-20 09:00")
    later = end + timedelta(days=5)
    assert deadline(start, length, BERLIN, [(end, later)]) == end
    assert deadline(start, length, BERLIN, [(end - MICROSECOND, later)]) == later + MICROSECOND
    assert deadline(start, length, BERLIN, [(start - timedelta(days=9), start)]) == end
    before = [(start - timedelta(days=9), start + timedelta(days=1))]
    assert deadline(start, length, BERLIN, before) == end + timedelta(days=1)


def test_elapsed_hold_time_is_seconds_across_a_change_of_the_clocks() -> None:
    stop = (t("2026-03-28 12:00"), t("2026-03-29 12:00"))
    assert deadline(t("2026-03-20 09:00"), Interval(days=60), BERLIN, [stop]) == t("2026-05-20 08:00")


def worked_example() -> Lead:
    result = lead("2026-01-10 09:00")
    result.facts.activities.append(call("2026-02-20 15:00"))
    result.facts.holds.append(hold("2026-03-02 08:00", "2026-03-16 08:00"))
    return result


def test_worked_example() -> None:
    example = worked_example()
    found = row(example, "2026-04-01 12:00")
    assert found.state == "PROTECTED"
    assert found.base_expires_at == t("2026-07-24 09:00")
    assert found.reminder_due_at == t("2026-05-05 15:00")
    assert found.last_qualified_activity_at == t("2026-02-20 15:00")

    example.facts.reminders.append(reminder("2026-05-05 15:04", "2026-05-05"))
    found = row(example, "2026-05-06 00:00")
    assert (found.state, found.grace_ends_at) == ("GRACE", t("2026-05-15 15:04"))
    assert found.protection_expires_at == t("2026-05-15 15:04")
    assert found.reminder_sent_at == t("2026-05-05 15:04")

    example.facts.activities.append(call("2026-05-12 10:00", "CUSTOMER_REACTION"))
    found = row(example, "2026-05-13 10:00")
    assert (found.state, found.reminder_due_at) == ("PROTECTED", t("2026-07-11 10:00"))
    assert found.grace_ends_at == found.protection_expires_at == t("2026-07-21 10:00")
    assert found.reminder_sent_at is None
    assert found.days_remaining == Decimal("69.00")


def test_during_the_hold_of_the_worked_example_the_clock_is_stopped() -> None:
    found = row(worked_example(), "2026-03-10 08:00")
    assert (found.clock_stopped_since, found.hold_until) == (t("2026-03-02 08:00"), t("2026-03-16 08:00"))
    assert row(worked_example(), "2026-03-16 08:00").clock_stopped_since is None


def test_intervals_are_half_open() -> None:
    plain = lead("2026-01-10 09:00")
    due = t("2026-03-11 09:00")
    assert row(plain, due - MICROSECOND).state == "PROTECTED"
    assert row(plain, due).state == "REMINDER_DUE"

    base = t("2026-07-10 09:00")
    assert row(plain, base - MICROSECOND).state == "REMINDER_DUE"
    assert (row(plain, base).state, row(plain, base).end_reason) == ("EXPIRED", "BASE_TERM")

    plain.facts.reminders.append(reminder("2026-03-11 09:05", "2026-03-11"))
    grace = t("2026-03-21 09:05")
    assert row(plain, grace - MICROSECOND).state == "GRACE"
    found = row(plain, grace)
    assert (found.state, found.end_reason) == ("EXPIRED", "INACTIVITY")
    assert found.protection_expires_at == grace
    assert (found.grace_ends_at, found.reminder_sent_at, found.days_remaining) == (None, None, None)


def test_no_lead_is_lost_to_inactivity_without_a_warning() -> None:
    plain = lead("2026-01-10 09:00")
    plain.facts.reminders.append(reminder(None, "2026-03-11"))
    found = row(plain, "2026-06-01 12:00")
    assert (found.state, found.grace_ends_at) == ("REMINDER_DUE", t("2026-06-11 12:00"))
    assert row(plain, "2026-07-05 09:00").protection_expires_at == t("2026-07-10 09:00")


def test_an_open_hold_shows_the_deadline_if_released_now_and_never_runs_out() -> None:
    held = lead("2026-01-10 09:00")
    held.facts.holds.append(hold("2026-02-10 09:00", None))
    found = row(held, "2026-03-10 09:00")
    assert found.reminder_due_at == t("2026-04-08 10:00")  # 28 days later, and an hour for the clocks
    assert found.grace_ends_at == t("2026-04-18 10:00")
    assert (found.clock_stopped_since, found.hold_until) == (t("2026-02-10 09:00"), None)
    assert row(held, "2036-03-10 09:00").state == "PROTECTED"


def test_a_hold_during_grace_shifts_its_end_but_one_after_it_does_not() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders.append(reminder("2026-03-11 09:00", "2026-03-11"))
    warned.facts.holds.append(hold("2026-03-15 09:00", "2026-03-17 09:00"))
    assert row(warned, "2026-03-22 09:00").grace_ends_at == t("2026-03-23 09:00")
    warned.facts.holds.append(hold("2026-03-23 09:00", "2026-04-23 09:00"))
    assert row(warned, "2026-03-25 09:00").protection_expires_at == t("2026-03-23 09:00")


def test_an_expired_row_keeps_its_last_values_whatever_hold_comes_later() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders.append(reminder("2026-03-11 09:00", "2026-03-11"))
    before = row(warned, "2026-03-21 09:00")
    warned.facts.holds.append(hold("2026-03-21 09:00", "2026-04-23 09:00"))
    assert row(warned, "2026-05-01 09:00") == before
    assert before.base_expires_at == t("2026-07-10 09:00")


def test_a_reminder_on_the_day_but_before_the_moment_counts() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders.append(reminder("2026-03-11 08:00", "2026-03-11"))
    assert row(warned, "2026-03-11 08:30").grace_ends_at == t("2026-03-21 08:00")


@pytest.mark.parametrize(
    "useless",
    [
        reminder("2026-03-11 09:00", "2026-03-10"),
        reminder("2026-03-11 09:00", "2026-03-11", kind="TERM"),
        reminder("2026-03-11 09:00", "2026-03-11", user=8),
        reminder("2026-01-09 09:00", "2026-03-11"),
        reminder(None, "2026-03-11"),
    ],
)
def test_a_reminder_of_an_older_window_another_type_user_or_time_starts_no_grace(useless: Reminder) -> None:
    plain = lead("2026-01-10 09:00")
    plain.facts.reminders.append(useless)
    assert row(plain, "2026-03-12 09:00").state == "REMINDER_DUE"


def test_a_second_reminder_does_not_prolong_grace() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders += [
        reminder("2026-03-15 09:00", "2026-03-15"),
        reminder("2026-03-12 09:00", "2026-03-11"),
    ]
    assert row(warned, "2026-03-16 09:00").grace_ends_at == t("2026-03-22 09:00")


def test_at_equal_times_the_activity_comes_first() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders.append(reminder("2026-03-11 09:00", "2026-03-11"))
    warned.facts.activities.append(call("2026-03-11 09:00"))
    found = row(warned, "2026-03-12 09:00")
    assert (found.state, found.reminder_due_at) == ("PROTECTED", t("2026-05-10 09:00"))


def test_only_a_qualified_activity_of_the_owner_inside_the_period_counts() -> None:
    plain = lead("2026-01-10 09:00")
    plain.facts.activities += [
        call("2026-01-10 08:59"),
        call("2026-02-01 09:00", "EMAIL_SENT"),
        call("2026-02-02 09:00", user=8),
    ]
    assert row(plain, "2026-02-10 09:00").last_qualified_activity_at is None
    plain.facts.activities.append(call("2026-01-10 09:00"))
    assert row(plain, "2026-02-10 09:00").last_qualified_activity_at == t("2026-01-10 09:00")


def test_an_activity_at_the_end_of_grace_is_too_late_and_one_before_it_is_not() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders.append(reminder("2026-03-11 09:00", "2026-03-11"))
    end = t("2026-03-21 09:00")
    warned.facts.activities.append(Activity(0, USER, "QUALIFIED_CALL", end))
    assert row(warned, end).state == "EXPIRED"
    warned.facts.activities[0] = Activity(0, USER, "QUALIFIED_CALL", end - MICROSECOND)
    assert row(warned, end).state == "PROTECTED"


def test_when_base_term_and_grace_end_together_the_reason_is_the_base_term() -> None:
    both = lead("2026-01-10 09:00")
    both.facts.reminders.append(reminder("2026-06-30 09:00", "2026-06-30"))
    found = row(both, "2026-07-10 09:00")
    assert (found.protection_expires_at, found.end_reason) == (t("2026-07-10 09:00"), "BASE_TERM")


def test_grace_never_outlasts_the_base_term() -> None:
    both = lead("2026-01-10 09:00")
    both.facts.reminders.append(reminder("2026-07-05 09:00", "2026-07-05"))
    found = row(both, "2026-07-06 09:00")
    assert (found.grace_ends_at, found.protection_expires_at) == (
        t("2026-07-15 09:00"),
        t("2026-07-10 09:00"),
    )


def test_extensions_are_summed_and_count_from_their_grant() -> None:
    extended = lead("2025-08-25 09:00")
    extended.facts.extensions += [
        Extension(USER, Interval(days=10), t("2025-09-01 09:00")),
        Extension(USER, Interval(months=1), t("2025-09-02 09:00")),
    ]
    assert row(extended, "2025-09-01 08:59").base_expires_at == t("2026-02-25 09:00")
    assert row(extended, "2025-09-01 09:00").base_expires_at == t("2026-03-07 09:00")
    assert row(extended, "2025-09-02 09:00").base_expires_at == t("2026-04-04 09:00")


def test_a_recorded_expiry_is_final_and_an_unrecorded_one_is_not() -> None:
    warned = lead("2026-01-10 09:00")
    warned.facts.reminders.append(reminder("2026-03-11 09:00", "2026-03-11"))
    now = t("2026-04-01 09:00")
    late = call("2026-03-15 09:00")
    assert row(warned, now).state == "EXPIRED"
    warned.facts.activities.append(late)
    assert row(warned, now).state == "PROTECTED"
    warned.facts.activities.clear()
    unrecorded = row(warned, now)
    assert warned.record_expiry(now)
    assert row(warned, now) == unrecorded
    warned.facts.activities.append(late)
    assert row(warned, now) == unrecorded
    assert not warned.record_expiry(now)
    warned.start_period(USER, POLICY, now)
    assert row(warned, now).state == "PROTECTED"
    assert row(warned, now - MICROSECOND) == unrecorded


def test_a_transfer_ends_the_holds_and_starts_anew() -> None:
    moved = lead("2026-01-10 09:00")
    moved.facts.holds += [hold("2026-02-01 09:00", None), hold("2026-02-01 09:00", "2026-09-01 09:00")]
    when = t("2026-02-20 09:00")
    moved.transfer(8, POLICY, when)
    found = row(moved, when)
    assert (found.user_id, found.state, found.clock_stopped_since) == (8, "PROTECTED", None)
    assert found.protection_started_at == when
    assert {h.end_at for h in moved.facts.holds} == {when}
    assert row(moved, when - MICROSECOND).user_id == USER
    assert moved.periods[0].end_reason == "TRANSFERRED"


def test_an_expiry_due_before_a_transfer_is_recorded_first() -> None:
    moved = lead("2026-01-10 09:00")
    moved.transfer(8, POLICY, t("2026-08-01 09:00"))
    assert row(moved, "2026-07-31 09:00").end_reason == "BASE_TERM"
    assert moved.periods[0].ended_at == t("2026-07-10 09:00")


def test_conversion_ends_a_running_period_and_taking_it_back_reopens_it() -> None:
    won = lead("2026-01-10 09:00")
    won.convert(t("2026-02-01 09:00"))
    found = row(won, "2026-09-01 09:00")
    assert (found.state, found.protection_expires_at, found.end_reason) == ("CONVERTED", None, "CONVERTED")
    assert row(won, "2026-01-31 09:00").state == "PROTECTED"
    won.convert(None)
    assert row(won, "2026-03-01 09:00").state == "PROTECTED"
    won.convert(t("2026-07-10 09:00"))
    assert row(won, "2026-09-01 09:00").state == "EXPIRED"
    won.convert(None)
    assert won.current.is_recorded


def test_correcting_the_creation_moves_the_start_of_a_running_first_period() -> None:
    plain = lead("2026-01-10 09:00")
    plain.move_start(t("2026-01-20 09:00"), POLICY)
    assert row(plain, "2026-02-01 09:00").base_expires_at == t("2026-07-20 09:00")
    assert plain.row_at(t("2026-01-19 09:00")) is None


def test_a_reminder_is_due_only_while_no_hold_is_active() -> None:
    plain = lead("2026-01-10 09:00")
    at = t("2026-03-11 09:00")
    assert plain.due_reminders(at - MICROSECOND) == {}
    assert plain.due_reminders(at) == {"INACTIVITY": (at, date(2026, 3, 11))}
    term = t("2026-06-30 09:00")
    assert plain.due_reminders(term)["TERM"] == (term, date(2026, 6, 30))
    plain.facts.holds.append(hold("2026-03-11 09:00", "2026-03-12 09:00"))
    assert plain.due_reminders(at) == {}
