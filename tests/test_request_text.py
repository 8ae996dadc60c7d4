"""Percentages of instances, and sizes with their overflow, as people write them."""

from __future__ import annotations

import inspect

import pytest
from sqlalchemy import QueuePool, create_engine

from poolsize.errors import UsageError
from poolsize.request_text import SQLALCHEMY_DEFAULT, parse_current, parse_surge


def test_a_percentage_of_instances_is_rounded_up() -> None:
    assert [parse_surge("25%", instances) for instances in (1, 4, 5, 8)] == [1, 1, 2, 2]
    assert parse_surge(" 12.5 % ", 8) == 1
    assert parse_surge("3", 8) == 3
    assert parse_surge("0", 8) == 0
    assert parse_surge(None, 8) is None


@pytest.mark.parametrize("text", ["", "1.5", "-1", "%", "ten", "25%%"])
def test_what_is_neither_a_number_nor_a_percentage_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--surge .* is neither"):
        parse_surge(text, 4)


def test_present_settings_are_a_size_and_an_overflow() -> None:
    assert parse_current("5+10") == (5, 10)
    assert parse_current(" 20 + -1 ") == (20, -1)
    assert parse_current(None) is None


@pytest.mark.parametrize("text", ["", "5", "5+", "5-1", "-1+5", "5+-2", "defaults"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--current .* is not pool_size"):
        parse_current(text)


def test_default_is_what_sqlalchemy_has_where_nothing_is_set() -> None:
    pool = create_engine("sqlite:///a.db", poolclass=QueuePool).pool
    overflow = inspect.signature(QueuePool).parameters["max_overflow"].default
    assert isinstance(pool, QueuePool)
    assert parse_current("default") == SQLALCHEMY_DEFAULT == (pool.size(), overflow)
