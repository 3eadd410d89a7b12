"""The golden packages: what is committed is what is generated, Ruff leaves it alone, and it imports cleanly."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fluxaorm.codegen.naming import module_name

from tests.golden.cases import ERRORS, HERE, PACKAGES, Case, all_cases

DRIVERS = {"MySQLdb", "asyncmy", "clickhouse_connect", "confluent_kafka", "hiredis", "httpx", "pymysql", "redis"}
LAZY = DRIVERS | {"jinja2"}
RULES = "A00,ARG,ASYNC,B,C4,E4,E7,E9,F,FURB,I,N,PERF,PGH,PIE,PL,PT,PYI,RET,RSE,RUF,SIM,SLOT,TID25,UP,W"
TAKEN_FROM_DEFINITIONS = "A002,A003,A005,E741,N,PLC2401,PLR0913,PLR0917,TID252"
"""Rules on names and numbers of things that are as they are in the definition."""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=HERE.parents[1], capture_output=True, text=True, check=False
    )


def _ruff(*arguments: str) -> str:
    paths = [str(case.directory / "expected") for case in PACKAGES]
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--target-version", "py311", *paths]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_what_is_committed_is_what_is_generated(case: Case) -> None:
    """A change of a template is reviewed by what it does to real output."""
    made = case.made()

    assert case.committed() == made


def test_every_case_is_a_package_or_an_error() -> None:
    """A case that turned from one into the other is a change to be seen, not to be regenerated."""
    kinds = {case.name: sorted(name.partition("/")[0] for name in case.committed())[-1] for case in all_cases()}

    expected = dict.fromkeys([case.name for case in PACKAGES], "expected")
    assert expected | dict.fromkeys([case.name for case in ERRORS], "error.txt") == kinds


@pytest.mark.parametrize("width", [88, 100, 120])
def test_ruff_leaves_the_format_alone_at_its_own_width_and_at_wider_ones(width: int) -> None:
    """A project that checks its format must not have to exclude generated code, nor to format it after each run."""
    complaint = _ruff("format", "--check", "--line-length", str(width))

    assert complaint == ""


def test_ruff_finds_nothing_to_improve() -> None:
    """The same for a project that lints; relative imports are what makes a package movable."""
    sections = {"third": "fluxaorm", "first": "tests"}
    options = [f"lint.isort.known-{section}-party=['{name}']" for section, name in sections.items()]
    configured = [argument for option in options for argument in ("--config", option)]

    complaint = _ruff("check", "--select", RULES, "--ignore", TAKEN_FROM_DEFINITIONS, *configured)

    assert complaint == ""


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case.name)
def test_a_package_imports_no_driver_and_opens_nothing(case: Case) -> None:
    """Importing entities is part of the start of every process, also of those that never touch the database."""
    code = f"import sys, {case.package}; print(*sorted(sys.modules.keys() & {LAZY!r}))"

    done = _python(code)

    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_entities_in_a_circle_import_from_whichever_comes_first() -> None:
    """References lead in circles; the module that a program happens to import first must not matter."""
    for module in ("person_entity", "company_entity", "tag_entity"):
        done = _python(f"import tests.golden.references.expected.{module} as m; print(m.__name__.rpartition('.')[2])")

        assert (done.stdout.strip(), done.stderr) == (module, "")


@pytest.mark.parametrize("name", ["docstrings", "enums", "json_values", "lifecycle", "no_fields", "scalars", "shop"])
def test_generated_code_stays_thin(name: str) -> None:
    """Thirteen lines a column and 155 an entity, so that a few hundred entities load and read easily."""
    schemas = Case(name).schemas().values()
    lines = {schema.name: _lines(Case(name), schema.name) for schema in schemas}

    too_long = {schema.name for schema in schemas if lines[schema.name] > 13 * len(schema.columns) + 155}

    assert set() == too_long


def _lines(case: Case, entity: str) -> int:
    return (case.directory / "expected" / f"{module_name(entity)}.py").read_text("utf-8").count("\n")
