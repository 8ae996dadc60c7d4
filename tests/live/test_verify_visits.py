"""What is told of requests from the times that their threads saw."""

from __future__ import annotations

import numpy as np
import pytest

from poolsize.live.pools.pool import Book
from poolsize.live.verify_visits import Log, Requests, Visit, requests_of


def seen(*visits: Visit, book: Book | None = None, timeout_s: float | None = None) -> Requests:
    log = Log(100.0)
    for visit in visits:
        log.append(visit)
    return requests_of(log, book or Book(), timeout_s, 10.0)


def test_a_connection_is_his_who_waits_for_it_from_the_moment_it_was_given_back() -> None:
    found = seen(
        Visit(100.0, 100.0, 100.01, 101.0, 1),
        Visit(100.5, 100.5, 101.2, 102.0, 1),  # woken up 0.2 s late
    )
    assert found.wait_s == pytest.approx([0.0, 0.5])
    assert found.handover_s == pytest.approx([0.0, 0.2])
    assert found.hold_s == pytest.approx([0.99, 1.0])


def test_one_that_opens_its_connection_holds_it_meanwhile_but_the_hold_is_without_that() -> None:
    found = seen(Visit(100.0, 100.0, 100.3, 101.0, 1))
    assert found.wait_s == pytest.approx([0.0])
    assert found.setup_s == pytest.approx([0.3])
    assert found.hold_s == pytest.approx([0.7])
    assert found.busy_s(np.array([0.0, 0.5, 1.5])) == pytest.approx([0.5, 0.5])


def test_one_waits_until_a_connection_that_is_opened_in_the_background_is_ready() -> None:
    book = Book()
    book.ready_s[1] = 100.4
    found = seen(Visit(100.0, 100.0, 100.5, 101.0, 1), book=book)
    assert found.wait_s == pytest.approx([0.4])
    assert found.handover_s == pytest.approx([0.1])


def test_one_that_gave_up_waited_for_its_timeout_and_held_nothing() -> None:
    found = seen(Visit(100.0, 100.0, 100.31, 100.31, None), timeout_s=0.3)
    assert found.wait_s == pytest.approx([0.3])
    assert found.is_late.all()
    assert found.hold_s == pytest.approx([0.0])


def test_what_a_machine_makes_late_is_told_apart_from_the_wait() -> None:
    found = seen(Visit(100.0, 100.2, 100.2, 101.0, 1))
    assert found.delay_s == pytest.approx([0.2])
    assert found.wait_s == pytest.approx([0.0])


def test_thinks_are_what_threads_do_beside_their_requests() -> None:
    found = seen(Visit(100.0, 100.0, 100.0, 101.0, 1), Visit(103.0, 103.0, 103.0, 104.0, 1)).within(0.0, 10.0)
    assert found.think_s(1) == pytest.approx(4.0)


def test_only_what_asked_in_the_window_counts() -> None:
    book = Book()
    book.opened_s += [99.0, 101.0, 106.0]
    book.took_s += [0.1, 0.2, 0.3]
    found = seen(Visit(100.0, 100.0, 100.0, 101.0, 1), Visit(105.0, 105.0, 105.0, 106.0, 1), book=book)
    late = found.within(5.0, 10.0)
    assert late.count == 1
    assert late.opened_s == pytest.approx([6.0])
    assert late.rate_per_s == pytest.approx(0.2)
