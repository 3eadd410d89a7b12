"""The query log of an engine, as lines."""

from __future__ import annotations

import logging

import pytest

from fluxaorm import Entity, Field, UInt64
from tests.support.cached import OpenCached


class NoteEntity(Entity, table="notes"):
    """Has a text that a log need not show."""

    id: UInt64
    text: str = Field(default="", secret=True)


def test_an_engine_echoes_the_queries_of_its_contexts(
    open_cached: OpenCached, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quickest way to see what a script does, without a handler to write."""
    notes = open_cached(NoteEntity)
    before = notes.context()
    notes.engine.enable_query_log(echo=True)
    notes.engine.enable_query_log(echo=True)
    capsys.readouterr()

    notes.do(notes.provider.count(before))
    assert "" == capsys.readouterr().err
    notes.add(text="hunter2")
    notes.do(notes.provider.count(notes.context()))

    told = capsys.readouterr().err.splitlines()
    assert 1 == sum("SELECT COUNT(*)" in line and line.startswith("mysql default ") for line in told)
    assert any("INSERT INTO `notes`" in line for line in told)
    assert "hunter2" not in "".join(told)


def test_an_engine_logs_the_queries_of_its_contexts(open_cached: OpenCached, caplog: pytest.LogCaptureFixture) -> None:
    """In production lines belong to logging, which knows where they go."""
    notes = open_cached(NoteEntity)
    notes.engine.enable_query_log()

    with caplog.at_level(logging.INFO, "fluxaorm.queries"):
        notes.do(notes.provider.count(notes.context()))

    told = [record for record in caplog.records if record.name == "fluxaorm.queries"]
    assert ["mysql"] == [record.__dict__["store"] for record in told if "COUNT" in record.getMessage()]
