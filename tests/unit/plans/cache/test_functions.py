"""What the library of Redis functions calls itself."""

from __future__ import annotations

import hashlib

from fluxaorm.plans.cache import functions as redis_functions
from fluxaorm.plans.cache.functions import LIBRARY, library_source


def test_every_name_ends_in_a_hash_of_the_source() -> None:
    """Names are global on a server: whoever changes a function must not have others run it, nor run theirs."""
    head, *lines = library_source().splitlines()

    suffix = hashlib.blake2b("\n".join(lines[1:]).encode(), digest_size=8).hexdigest()
    names = [value for value in vars(redis_functions).values() if isinstance(value, str) and value.startswith("fx_")]

    assert f"#!lua name=fluxaorm_{suffix}" == head
    assert f"fluxaorm_{suffix}" == LIBRARY
    assert f"local hash = '{suffix}'" == lines[0]
    assert 11 == len(names)
    assert all(name.endswith(f"_{suffix}") for name in names)
