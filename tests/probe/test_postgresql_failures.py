"""What libpq says, and what is made of it, in the forms that a real server here cannot be made to say."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest

from poolsize.errors import TooManyConnectionsError
from poolsize.probe.postgresql_failures import Answer, kind_by_words

CATALOGUES = sorted(Path("/usr/share/locale").glob("*/LC_MESSAGES/postgres-15.mo"))
FULL = (
    "sorry, too many clients already",
    'too many connections for role "%s"',
    'too many connections for database "%s"',
    "remaining connection slots are reserved for non-replication superuser connections",
)
LANGUAGES = {"de", "es", "fr", "it", "ja", "ko", "ru", "sv", "uk", "zh_CN"}


@pytest.mark.parametrize("message", FULL)
def test_no_free_slot_is_known_without_a_code(message: str) -> None:
    assert kind_by_words([Answer(None, message)]) is TooManyConnectionsError


@pytest.mark.skipif(not CATALOGUES, reason="no translations of PostgreSQL 15 on this machine (Debian: postgresql-15)")
@pytest.mark.parametrize("message", FULL)
def test_no_free_slot_is_known_in_the_languages_of_the_servers_catalogues(message: str) -> None:
    found = set()
    for file in CATALOGUES:
        language = file.parts[-3]
        if language in LANGUAGES:
            with file.open("rb") as opened:
                told = gettext.GNUTranslations(opened).gettext(message)
            assert told != message
            assert kind_by_words([Answer(None, told)]) is TooManyConnectionsError, (language, told)
            found.add(language)
    assert found == LANGUAGES
