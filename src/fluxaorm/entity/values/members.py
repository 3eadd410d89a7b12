"""What MySQL asks of the members of an enum or set. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST_MEMBER: Final = 255
MOST: Final = {"enum": 65_535, "set": 64}


def members_problem(kind: str, members: tuple[str, ...]) -> str:
    """A sentence on what is wrong with them; "" when nothing is."""
    if not members:
        return "has no members"
    if len(members) > MOST[kind]:
        return f"has {len(members)} members; MySQL allows {MOST[kind]} in {'an enum' if kind == 'enum' else 'a set'}"
    for member in members:
        if problem := _member_problem(kind, member):
            return problem
    return _alike(members)


def _member_problem(kind: str, member: str) -> str:
    if not member:
        return "has an empty member, which MySQL keeps for invalid values"
    if member != member.rstrip(" "):
        return f"member {member!r} ends in a space, which MySQL takes away"
    if kind == "set" and "," in member:
        return f"member {member!r} holds a comma, which parts the members of a set"
    if len(member) > LONGEST_MEMBER:
        return f"member {member[:20]!r}... has {len(member)} characters; MySQL allows {LONGEST_MEMBER}"
    if not member.isprintable():
        return f"member {member!r} holds a character that cannot be printed"
    return ""


def _alike(members: tuple[str, ...]) -> str:
    """Collations ignore case and accents."""
    seen: dict[str, str] = {}
    for member in members:
        folded = collated(member)
        if folded in seen:
            return f"members {seen[folded]!r} and {member!r} are the same to MySQL, which ignores case and accents"
        seen[folded] = member
    return ""


_STROKES: Final = str.maketrans("øłđðħ\u0491", "olddh\u0433")
"""Letters that are another with a stroke to collations, yet not to Unicode's decomposition."""
_SHORT_I: Final = re.compile("[\u0418\u0438]\u0306")
"""A letter of its own to collations, which to Unicode is another with an accent."""
_IGNORED: Final = re.compile("[\u034f\ufe00-\ufe0f]")


def collated(text: str) -> str:
    """Texts that a collation such as utf8mb4_0900_ai_ci cannot tell apart give the same.

    It is right for the letters of Europe's languages. What a server's own collation makes of all others is asked from
    the server, see ``registry.collations``.
    """
    return _plain(_plain(text).casefold()).translate(_STROKES)


def _plain(text: str) -> str:
    parts = _SHORT_I.sub("\ue000", unicodedata.normalize("NFKD", _IGNORED.sub("", text)))
    return "".join(part for part in parts if not unicodedata.combining(part))
