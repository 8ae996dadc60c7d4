"""A DSN is read once; from then on no spelling of its password shows."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from poolsize.dsn import MASK, Dsn, Secret, parse, read_argument
from poolsize.errors import DsnError, FileError

HOSTILE = "s3cr@t:/?#%'x"
LONG = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="*"), min_size=5, max_size=30)
ANY = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=12)
WORDS = "postgresql user host port shop.example 5432 database connection password authentication failed for"


def spellings(password: str) -> set[str]:
    return {password, quote(password), quote(password, safe=""), quote_plus(password), repr(password)[1:-1]}


def conninfo(password: str) -> str:
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    return f"host=shop.example user=jo password='{escaped}' dbname=orders"


def url(password: str, scheme: str = "postgresql") -> str:
    return f"{scheme}://jo:{quote(password, safe='')}@shop.example:5432/orders?sslmode=require"


def shown(dsn: Dsn) -> list[str]:
    return [str(dsn), repr(dsn), f"{dsn}", dsn.masked, repr(dsn.password), str(vars_of(dsn))]


def vars_of(dsn: Dsn) -> dict[str, object]:
    """What a traceback with local variables would print of it."""
    return {"dsn": dsn, "password": dsn.password}


@given(LONG)
@example(HOSTILE)
@example("p%40ss")
@example("a b\\'c")
def test_no_spelling_of_a_password_shows_anywhere(password: str) -> None:
    assume(not any(password in word or word in password for word in [*WORDS.split(), "orders", "require"]))
    for text in (url(password), url(password, "mysql+pymysql"), conninfo(password)):
        dsn = parse(text)
        assert dsn.password is not None
        assert dsn.password.reveal() == password
        for output in shown(dsn):
            assert not any(spelling in output for spelling in spellings(password)), output
        for spelling in spellings(password):
            message = dsn.mask(f'FATAL: could not use "{spelling}" of {text} at {spelling}.')
            assert not any(other in message for other in spellings(password)), message
            assert MASK in message


@given(ANY)
def test_a_driver_is_given_what_the_person_wrote(password: str) -> None:
    assert parse(url(password)).reveal() == url(password)
    assert parse(conninfo(password)).reveal() == conninfo(password)


@given(ANY)
def test_the_password_stands_nowhere_in_the_masked_dsn_but_by_chance(password: str) -> None:
    assert parse(url(password)).masked == f"postgresql://jo:{MASK}@shop.example:5432/orders?sslmode=require"
    assert parse(conninfo(password)).masked == f"host=shop.example user=jo password={MASK} dbname=orders"


@pytest.mark.parametrize("password", ["a", "e", "%", ":", "12", "the"])
def test_a_short_password_leaves_messages_readable(password: str) -> None:
    dsn = parse(url(password))
    message = 'connection to server at "shop.example", port 5412: password authentication failed for the user "jo"'
    assert dsn.mask(message) == message
    assert dsn.mask(f'invalid token "{password}" in jo:{password}@shop') == f'invalid token "{MASK}" in jo:{MASK}@shop'


def test_a_password_like_the_user_or_an_everyday_word_hides_no_name() -> None:
    message = 'password authentication failed for user "postgres"'
    for password in ("postgres", "password"):
        dsn = parse(f"postgresql://postgres:{password}@localhost/postgres")
        assert dsn.mask(message) == message
        assert dsn.masked == f"postgresql://postgres:{MASK}@localhost/postgres"


def test_a_password_within_the_users_name_leaves_that_whole() -> None:
    dsn = parse("postgresql://application_web:application@db/shop")
    assert dsn.mask('user "application_web", password application') == f'user "application_web", password {MASK}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://jo@h/d?password=s3cret", f"postgresql://jo@h/d?password={MASK}"),
        ("postgresql://jo@h/d?sslpassword=s3cret&sslmode=require", f"postgresql://jo@h/d?sslpassword={MASK}&sslmode=require"),
        ("mysql://h/d?passwd=s3cret", f"mysql://h/d?passwd={MASK}"),
        ("host=h password=s3cret foo=bar", f"host=h password={MASK} foo={MASK}"),
        ("host=h password = 's3 cret' passfile=/f", f"host=h password={MASK} passfile=/f"),
        ("postgresql://jo:@h/d", "postgresql://jo:@h/d"),
        ("sqlite:///a.db?password=s3cret", f"sqlite:///a.db?password={MASK}"),
    ],
)  # fmt: skip
def test_every_place_of_a_secret_is_masked(text: str, expected: str) -> None:
    assert parse(text).masked == expected


def test_secrets_that_the_dsn_does_not_hold_are_masked_when_told() -> None:
    assert parse("service=shop").mask("of the file: hunter22", "hunter22", None) == f"of the file: {MASK}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql+psycopg://jo@h:1/d", ("postgresql", "psycopg", "h", 1, "jo", "d")),
        ("postgres://h", ("postgresql", None, "h", None, None, None)),
        ("pgbouncer://h/d", ("postgresql", None, "h", None, None, "d")),
        ("postgresql:///d?host=/run/pg&user=jo", ("postgresql", None, "/run/pg", None, "jo", "d")),
        ("postgresql://a:1,b:2/d", ("postgresql", None, "a", 1, None, "d")),
        ("postgresql://[::1]:5433/d", ("postgresql", None, "::1", 5433, None, "d")),
        ("postgresql://h:5432/d?options=-c%20a=b@c", ("postgresql", None, "h", 5432, None, "d")),
        ("host=h port=1 user='j o' dbname=d", ("postgresql", None, "h", 1, "j o", "d")),
        ("service=shop", ("postgresql", None, None, None, None, None)),
        ("mariadb://h/d", ("mariadb", None, "h", 3306, None, "d")),
        ("sqlite:///a%20b.db", ("sqlite", None, None, None, None, "a b.db")),
        ("sqlite:////abs/a.db", ("sqlite", None, None, None, None, "/abs/a.db")),
        ("sqlite://", ("sqlite", None, None, None, None, ":memory:")),
    ],
)
def test_the_parts_of_a_dsn(text: str, expected: tuple[object, ...]) -> None:
    dsn = parse(text)
    assert (dsn.dialect, dsn.driver, dsn.host, dsn.port, dsn.user, dsn.database) == expected


def test_a_password_that_only_sqlalchemy_reads_is_rewritten_for_the_others() -> None:
    dsn = parse("postgresql://jo:pa/ss?w#rd@h/d")
    assert dsn.password is not None
    assert dsn.password.reveal() == "pa/ss?w#rd"
    assert dsn.reveal() == "postgresql://jo:pa%2Fss%3Fw%23rd@h/d"
    assert dsn.masked == f"postgresql://jo:{MASK}@h/d"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "shop",
        "oracle://jo:s3cret@h/d",
        "postgresql://jo:s3@cret@h/d",
        "postgresql://jo:s3@cret/x@h/d",
        "mysql://jo:s3@cret:/?#%'x@h/d",
        "postgresql://jo:s3@cret?sslmode=x@h/d",
        "postgresql://jo:s3cret@h:99999/d",
        "postgresql://jo:s3cret@h:port/d",
        "host=h password=s3 cret",
        "host=h password='s3cret",
        "sqlite://host/s3cret.db",
    ],
)
def test_what_cannot_be_read_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(DsnError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    for piece in ("s3cret", "s3", "cret"):
        assert piece not in str(caught.value)


def test_a_secret_prints_as_a_mask() -> None:
    assert f"{Secret('s3cret')} {Secret('s3cret')!r}" == f"{MASK} {MASK}"


def test_the_text_comes_from_the_argument_the_environment_stdin_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "dsn"
    file.write_text("service=file\n")
    assert read_argument("service=argument", environ={"DATABASE_URL": "service=other"}) == "service=argument"
    assert read_argument(None, environ={"DATABASE_URL": " service=variable "}) == "service=variable"
    assert read_argument("-", stdin=io.StringIO("service=stdin\nmore\n")) == "service=stdin"
    assert read_argument(f"@{file}") == "service=file"
    with pytest.raises(DsnError, match="DATABASE_URL"):
        read_argument(None, environ={})
    with pytest.raises(DsnError, match="stdin"):
        read_argument("-", stdin=io.StringIO(""))
    with pytest.raises(FileError, match="cannot be read"):
        read_argument(f"@{tmp_path / 'missing'}")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="not text"):
        read_argument(f"@{file}")


@pytest.mark.parametrize(
    ("text", "meant"),
    [("postgresq://h/d", "postgresql"), ("Postgress+psycopg://h/d", "postgres"), ("mysq://h/d", "mysql")],
)
def test_a_misspelt_scheme_is_told_which_was_meant(text: str, meant: str) -> None:
    with pytest.raises(DsnError, match=rf"is not one of mariadb, .*; did you mean {meant}\?$"):
        parse(text)
