"""What an entity says of itself, and what it refuses: copies, pickles, changes after its context's end."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from fluxaorm import Embedded, Entity, Field, Json, UInt32, UInt64, UniqueIndex
from fluxaorm.errors import DetachedEntityError, NotSupportedError
from tests.support.cached import Cached, OpenCached


class Home(Embedded):
    """Holds a document."""

    city: str = ""
    tags: Json[dict[str, int]] = Field(default_factory=dict)


class TenantEntity(Entity, table="tenants", redis_cache=True, soft_delete=True):
    """Has keys, one of them secret, and documents."""

    id: UInt64
    email: str = Field(unique=True, length=100)
    token: str = Field(unique=True, secret=True, length=100)
    house: UInt32 = 0
    flat: UInt32 | None = None
    home: Home
    notes: Json[dict[str, Any]] = Field(default_factory=dict)
    indexes = (UniqueIndex("house", "flat", name="door"),)


def add(tenants: Cached, **values: Any) -> int:
    given = {"email": "ann@example.com", "token": "hunter2", "notes": {"a": [1, {"b": 2}]}, **values}
    return int(tenants.add(**given))


def close(tenants: Cached, ctx: Any) -> None:
    if tenants.shell.name == "sync":
        ctx.close()
    else:
        tenants.do(ctx.aclose())


@pytest.fixture
def tenants(open_cached: OpenCached) -> Cached:
    """Tenants in every database and both shells."""
    return open_cached(TenantEntity)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_entities_contexts_and_engines_are_not_copied(tenants: Cached, copied: Any) -> None:
    """A copy would share the row with an entity that does not know of its changes."""
    ctx = tenants.context()
    tenant = tenants.do(tenants.provider.must_get_by_id(ctx, add(tenants)))

    for one, instead in ((tenant, r"to_dict\(\)"), (ctx, r"ctx\.clone\(\)"), (tenants.engine, r"validate\(\)")):
        with pytest.raises(NotSupportedError, match=instead):
            copied(one)


def test_a_repr_shows_keys_and_how_the_entity_stands(tenants: Cached) -> None:
    """Whoever debugs wants to know which row it is, and nobody wants secrets in a log."""
    ctx = tenants.context()
    id = add(tenants, house=4)
    tenant = tenants.do(tenants.provider.must_get_by_id(ctx, id))
    head = f"<TenantEntity tenants:{id} email='ann@example.com' house=4 flat=None"

    assert f"{head}>" == repr(tenant)
    tenant.delete()
    assert f"{head} dirty deleted>" == repr(tenant)
    tenants.do(ctx.flush())
    assert f"{head} deleted>" == repr(tenant)
    assert "new>" in repr(tenants.do(tenants.provider.new(ctx, email="x", token="hunter3")))
    ctx.clear_flush()


def test_documents_cannot_be_changed_once_the_context_is_closed(tenants: Cached) -> None:
    """Other fields raise then; a document that took the change would lose it without a word."""
    ctx = tenants.context()
    tenant = tenants.do(tenants.provider.must_get_by_id(ctx, add(tenants)))
    close(tenants, ctx)

    changes: list[Any] = [
        lambda: tenant.notes.update(z=1),
        lambda: tenant.notes["a"].append(1),
        lambda: tenant.notes["a"][1].pop("b"),
        lambda: tenant.home.tags.setdefault("z", 1),
        lambda: setattr(tenant, "home", Home()),
        lambda: tenant.set(notes={}),
    ]
    for change in changes:
        with pytest.raises(DetachedEntityError, match="TenantEntity"):
            change()

    assert {"a": [1, {"b": 2}]} == tenant.notes == json.loads(json.dumps(tenant.notes))
    mine = copy.deepcopy(tenant.notes)
    mine["a"][1]["b"] = 3
    assert not tenant.is_dirty


def test_a_document_in_hand_that_changes_after_the_end_is_told(tenants: Cached) -> None:
    """What was handed out before is a plain dict; that it was changed is found when the entity is asked."""
    ctx = tenants.context()
    tenant = tenants.do(tenants.provider.must_get_by_id(ctx, add(tenants)))
    notes = tenant.notes
    close(tenants, ctx)

    notes["z"] = 1

    with pytest.raises(DetachedEntityError):
        _ = tenant.is_dirty
    with pytest.raises(DetachedEntityError):
        tenant.changes()
