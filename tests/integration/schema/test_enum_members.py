# ruff: noqa: RUF001 - letters of many languages are what this is about
"""Which members of an enum may stand beside each other is what the server's collation says, and told before it is asked
to make the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pymysql
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fluxaorm import MySQLOptions, Registry
from fluxaorm.entity import UInt64
from fluxaorm.entity.values.members import collated, members_problem
from fluxaorm.errors import RegistryError
from tests.support.kind_entities import made
from tests.support.sql_servers import Database, SqlServer

LETTERS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:;!?@#$%&/()[]{}<>=+*'\"\\|~^`"
    "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįıĵķĺļľłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżžșțƒ"
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŸĀĂĄĆČĎĐĒĘĚĞĢĦĪĮİĶĻŁŃŇŊŌŐŒŘŚŞŠŤŦŪŮŰŲŴŶŹŻŽȘȚ"
    "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώϊϋΐΰςΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏᾳῃῳ"
    "абвгдежзийклмнопрстуфхцчшщъыьэюяёђѓєѕіїјљњћќўџґАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁҐ"
    "€£©®§¶°²³¹½¿¡«»“”„–—…"
)
"""Of Europe's languages."""
TEXTS = st.text(
    st.sampled_from("aAeéßsSøoØłLıiİ漢字漢😀🍣❤\ufe0f\u200dαᾳйи１1㌔ｶカか") | st.characters(), min_size=1, max_size=3
)
DUPLICATED = 1291
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
COLLATIONS = {
    "mysql": ["0900_ai_ci", "general_ci", "unicode_ci", "bin"],
    "mariadb": ["general_ci", "unicode_ci", "bin"],
}


def registry_of(url: str, entity: type[Any], collation: str = "") -> Registry:
    """A registry of one entity."""
    registry = Registry()
    registry.register_mysql(url, options=MySQLOptions(default_collate=collation))
    registry.register_entity(entity)
    return registry


def entity_of(members: tuple[str, ...]) -> type[Any]:
    """A definition with an enum of these members."""
    return made("MoodEntity", {"id": UInt64, "mood": Literal[members]}, {})


def test_members_that_only_one_collation_takes_for_the_same_are_told_by_its_server(mysql_database: Database) -> None:
    """The CREATE TABLE would fail in the middle of a deployment, with a number and no field."""
    registry = registry_of(mysql_database.url, entity_of(("😀", "🍣")))
    if mysql_database.server.kind == "mysql":
        registry.validate().close()
        return

    with pytest.raises(RegistryError) as caught:
        registry.validate()

    assert (
        "MoodEntity.mood: members '😀' and '🍣' are the same to utf8mb4_general_ci, the collation of MySQL pool "
        "'default'; rename one, or choose another collation with default_collate=",
    ) == caught.value.problems


def test_members_far_apart_in_a_long_enum_are_compared_too(mariadb_database: Database) -> None:
    """However many there are, the server is asked in statements of a size."""
    entity = entity_of(("😀", *(f"ż{at}" for at in range(1200)), "🍣"))

    with pytest.raises(RegistryError, match="members '😀' and '🍣' are the same"):
        registry_of(mariadb_database.url, entity).validate()


def test_another_collation_may_tell_them_apart(mysql_database: Database) -> None:
    """The advice of the message is one that helps."""
    registry_of(mysql_database.url, entity_of(("😀", "🍣")), "bin").validate().close()


@pytest.fixture(scope="module")
def database(mysql_server: SqlServer) -> Iterator[Database]:
    """One for all examples on each server."""
    made_one = mysql_server.create_database()
    yield made_one
    made_one.drop()


@settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=SLOW)
@given(members=st.lists(TEXTS, min_size=2, max_size=4, unique=True).map(tuple), data=st.data())
def test_what_is_accepted_is_what_the_server_makes_a_table_of(
    database: Database, members: tuple[str, ...], data: st.DataObject
) -> None:
    """Neither a surprise at the CREATE TABLE, nor a refusal of what would work, but for the rules of all."""
    collation = data.draw(st.sampled_from(COLLATIONS[database.server.kind]))
    known = members_problem("enum", members)
    try:
        registry_of(database.url, entity_of(members), collation).validate().close()
        told: list[str] = []
    except RegistryError as error:
        told = list(error.problems)

    assert bool(told) == (bool(known) or _is_refused(database, members, collation)), (members, collation, told)


def _is_refused(database: Database, members: tuple[str, ...], collation: str) -> bool:
    listed = ", ".join(["%s"] * len(members))
    kind = f"ENUM({listed}) CHARACTER SET utf8mb4 COLLATE utf8mb4_{collation}"
    with database.server.connect(database.name) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(f"CREATE TEMPORARY TABLE t (m {kind})", members)
        except pymysql.err.MySQLError as error:
            if error.args[0] == DUPLICATED:
                return True
            raise
    return False


def test_the_letters_of_europe_are_alike_as_the_server_has_it(mysql_server: SqlServer) -> None:
    """So that a definition is refused without a server, and one that is not works on either."""
    ours = _classes({letter: collated(letter) for letter in LETTERS})
    collation = {"mysql": "utf8mb4_0900_ai_ci", "mariadb": "utf8mb4_general_ci"}[mysql_server.kind]
    asked = ", ".join([f"HEX(WEIGHT_STRING(%s COLLATE {collation}))"] * len(LETTERS))

    theirs = _classes(dict(zip(LETTERS, mysql_server.execute(f"SELECT {asked}", *LETTERS)[0], strict=True)))

    if mysql_server.kind == "mysql":
        assert ours == theirs
    else:
        # the sharp s and the i without a dot are told by the server itself, see ``registry.collations``
        assert {} == {
            letter: same for letter, same in theirs.items() if letter not in "ßı" and not same <= ours[letter] | {*"ßı"}
        }


def _classes(keys: dict[str, str]) -> dict[str, frozenset[str]]:
    """Each letter with all that have the same key."""
    groups: dict[str, set[str]] = {}
    for letter, key in keys.items():
        groups.setdefault(key, set()).add(letter)
    return {letter: frozenset(groups[key]) for letter, key in keys.items()}
