"""``Entity``, the base class of definitions. A definition is read, never instantiated."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, dataclass_transform

from fluxaorm.entity.declare.field import Field
from fluxaorm.entity.declare.hints import remember_local_names
from fluxaorm.entity.declare.index import Index


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class Entity:
    """Base of definitions: ``class UserEntity(Entity, redis_cache=True): id: UInt64; name: str``.

    Class options: ``mysql`` pool code; ``table`` name; ``redis_cache`` True, a Redis pool's code, or "intents" (tell of
    changes, cache nothing), with ``ttl``; ``local_cache`` True, a number of rows or "intents", with ``local_ttl`` (both
    times are a timedelta or seconds); ``cache_all`` True or "intents" keeps the list of ids; ``soft_delete``;
    ``events`` a Kafka pool; ``debezium`` True or a Kafka pool; ``redis_search`` a Redis pool; ``id_pool`` a Redis pool
    or "mysql"; ``id_block`` ids a block; ``shard_key`` a field; ``renamed_from`` the table's name before.

    Mistakes are reported by ``Registry.validate()``, all of them at once.
    """

    indexes: ClassVar[tuple[Index, ...]] = ()
    __fluxa_options__: ClassVar[dict[str, Any]] = {}

    if TYPE_CHECKING:

        def __init_subclass__(
            cls,
            *,
            mysql: str = "default",
            table: str = ...,
            redis_cache: bool | str = False,
            ttl: timedelta | float = ...,
            local_cache: bool | int | Literal["intents"] = False,
            local_ttl: timedelta | float = ...,
            cache_all: bool | Literal["intents"] = False,
            soft_delete: bool = False,
            events: str = ...,
            debezium: bool | str = False,
            redis_search: str = ...,
            id_pool: str | Literal["mysql"] = ...,
            id_block: int = ...,
            shard_key: str = ...,
            renamed_from: str = ...,
        ) -> None: ...

    else:

        def __init_subclass__(cls, **options: Any) -> None:
            """Keep the options, unknown ones too: they are reported with all other mistakes."""
            super().__init_subclass__()
            cls.__fluxa_options__ = options
            remember_local_names(cls)

        def __init__(self, *args: object, **values: object) -> None:
            name = type(self).__name__
            raise TypeError(f"{name} is a definition; make entities with {name}Provider.new(ctx, ...)")
