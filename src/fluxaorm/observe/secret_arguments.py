"""Which arguments of a statement a query log may show: none, where the statement names a secret field. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fluxaorm.entity.schema import EntitySchema
from fluxaorm.options.masking import MASK

_READS: Final = re.compile(r"\s*SELECT\b", re.IGNORECASE)


class SecretArguments:
    """Knows the columns of secret fields. Which argument is one's is not told: all of its statement are masked."""

    def __init__(self, schemas: Iterable[EntitySchema]) -> None:
        names = sorted({column.name for schema in schemas for column in schema.columns if column.secret})
        words = "|".join(map(re.escape, names))
        self._names = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if names else None

    def masked(self, sql: str, args: Sequence[Any]) -> Sequence[Any]:
        """The arguments as they may be shown. What a SELECT only reads makes none of them a secret."""
        if self._names is None or not args:
            return args
        start = 0
        if _READS.match(sql):
            start = max(0, sql.upper().find(" FROM "))
        return args if self._names.search(sql, start) is None else (MASK,) * len(args)
