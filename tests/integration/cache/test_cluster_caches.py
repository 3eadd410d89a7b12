"""What caches, ids and pipelines do on one server they do on a cluster: the same tests, on three primaries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstack.state import StackState
from tests.integration.cache.test_cache_rules import (
    test_a_child_process_starts_with_empty_local_caches,
    test_a_flush_elsewhere_evicts_what_this_process_keeps,
    test_a_reader_that_raced_a_delete_leaves_no_deleted_row_behind,
    test_a_row_cached_as_missing_is_found_once_it_is_inserted_and_costs_one_key,
    test_an_entity_that_only_intends_caches_nothing_and_drops_what_others_cached,
    test_another_processes_engine_with_the_same_options_sees_the_same_keys,
    test_cache_keys_of_two_entities_never_collide,
    test_invalidating_elsewhere_evicts_too,
    test_local_rows_without_a_redis_cache_still_intend,
    test_rows_of_another_schema_or_server_are_misses_and_counted,
)
from tests.integration.read.test_get_all import (
    shelves,
    test_a_list_read_before_an_insert_is_not_stored_after_it,
    test_invalidate_and_clear_drop_the_list_too,
    test_the_list_follows_inserts_deletes_soft_deletes_and_restores,
)
from tests.integration.read.test_unique_look_ups import (
    members,
    test_a_flush_drops_what_is_kept_of_old_and_new_values,
    test_a_stale_mapping_is_replaced_by_the_right_one,
    test_a_value_that_moved_is_found_where_it_is_now,
)
from tests.integration.write.test_ids import (
    test_a_block_of_another_run_of_redis_is_not_used,
    test_a_forked_child_takes_ids_of_its_own,
    test_an_emptied_redis_does_not_bring_ids_back,
    test_blocks_of_one_id_give_strict_order_across_processes,
    test_threads_share_a_process_supply_without_repeats,
    test_two_engines_never_share_an_id,
)
from tests.integration.write.test_pipelines import (
    test_a_command_that_is_refused_is_told_when_the_rows_are_durable,
    test_a_key_is_deleted_before_the_sql_and_after_the_commit,
    test_redis_commands_are_sent_only_when_the_rows_are_there,
)
from tests.support.redis_servers import RedisCluster
from tests.support.sql_servers import SqlServer

__all__ = [
    "members",
    "shelves",
    "test_a_block_of_another_run_of_redis_is_not_used",
    "test_a_child_process_starts_with_empty_local_caches",
    "test_a_command_that_is_refused_is_told_when_the_rows_are_durable",
    "test_a_flush_drops_what_is_kept_of_old_and_new_values",
    "test_a_flush_elsewhere_evicts_what_this_process_keeps",
    "test_a_forked_child_takes_ids_of_its_own",
    "test_a_key_is_deleted_before_the_sql_and_after_the_commit",
    "test_a_list_read_before_an_insert_is_not_stored_after_it",
    "test_a_reader_that_raced_a_delete_leaves_no_deleted_row_behind",
    "test_a_row_cached_as_missing_is_found_once_it_is_inserted_and_costs_one_key",
    "test_a_stale_mapping_is_replaced_by_the_right_one",
    "test_a_value_that_moved_is_found_where_it_is_now",
    "test_an_emptied_redis_does_not_bring_ids_back",
    "test_an_entity_that_only_intends_caches_nothing_and_drops_what_others_cached",
    "test_another_processes_engine_with_the_same_options_sees_the_same_keys",
    "test_blocks_of_one_id_give_strict_order_across_processes",
    "test_cache_keys_of_two_entities_never_collide",
    "test_invalidate_and_clear_drop_the_list_too",
    "test_invalidating_elsewhere_evicts_too",
    "test_local_rows_without_a_redis_cache_still_intend",
    "test_redis_commands_are_sent_only_when_the_rows_are_there",
    "test_rows_of_another_schema_or_server_are_misses_and_counted",
    "test_the_list_follows_inserts_deletes_soft_deletes_and_restores",
    "test_threads_share_a_process_supply_without_repeats",
    "test_two_engines_never_share_an_id",
]


@pytest.fixture
def valkey(valkey_cluster: RedisCluster) -> RedisCluster:
    """In the place of the one server."""
    return valkey_cluster


@pytest.fixture
def database_url(stack: StackState) -> Iterator[str]:
    """On one kind of database: it is not what these tests are about."""
    address = stack.mysql or stack.mariadb
    assert address is not None
    database = SqlServer.at(address).create_database()
    yield database.url
    database.drop()
