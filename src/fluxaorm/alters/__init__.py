"""Alters: what has to be done to bring a store in line with what is declared. Pure; plans run them."""

from __future__ import annotations

from fluxaorm.alters.alter import Alter, AlterPlans, Kind, Safety, split_alters
from fluxaorm.alters.kafka.alter import KafkaAlter
from fluxaorm.alters.refusal import refuse
from fluxaorm.alters.several import may_run_after, was_needless
from fluxaorm.alters.sql.finding import Finding
from fluxaorm.alters.sql.pool_diff import PoolDiff
from fluxaorm.alters.sql.wanted import WantedTable, wanted_table

__all__ = [
    "Alter",
    "AlterPlans",
    "Finding",
    "KafkaAlter",
    "Kind",
    "PoolDiff",
    "Safety",
    "WantedTable",
    "may_run_after",
    "refuse",
    "split_alters",
    "wanted_table",
    "was_needless",
]
