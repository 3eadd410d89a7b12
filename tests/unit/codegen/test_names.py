"""The names a module imports: what they are called when something in the module has their name."""

from __future__ import annotations

from fluxaorm.codegen.import_block import import_block
from fluxaorm.codegen.names import Names


def test_a_type_that_a_field_hides_is_imported_under_another_name() -> None:
    """In a class with a property ``date``, an annotation ``date`` would mean the property."""
    names = Names({"Car"}, {"date", "int"}, "app")

    annotation = names.annotation("dict[int, list[date]]", (("datetime", "date"),))

    assert "dict[_int, list[_date]]" == annotation
    expected = "from builtins import int as _int\nfrom datetime import date as _date"
    assert expected == import_block(names.imports.values(), "app")


def test_texts_in_an_annotation_are_not_names() -> None:
    """``Literal["int"]`` is a text whatever the fields are called."""
    names = Names((), {"int", "ünï"}, "app")

    annotation = names.annotation('dict[Literal["int", "ü"], int]', (("typing", "Literal"),))

    assert 'dict[Literal["int", "ü"], _int]' == annotation


def test_two_classes_of_one_name_get_two_names() -> None:
    """Users' modules do not know of each other."""
    names = Names({"Car"}, (), "app")

    found = [names.use(module, "Point") for module in ("app.a", "app.b", "app.c")]

    assert ["Point", "_Point", "_Point2"] == found


def test_the_librarys_own_names_are_kept_for_it() -> None:
    """A user's ``Provider`` yields to ours, whichever is imported first; the module's own classes yield to neither."""
    names = Names({"Decimal"}, (), "app")

    found = [names.use("app", "Provider"), names.Provider, names.Decimal]

    assert ["_Provider", "Provider", "_Decimal"] == found


def test_imports_stand_in_sections_with_aliases_apart() -> None:
    """The order Ruff's isort wants: standard library, others, the user's, the package's own."""
    names = Names((), {"UTC"}, "app")
    for module, name in [("app.models", "B"), ("app.models", "a"), (".enums", "E"), ("fluxaorm.runtime", "P")]:
        names.use(module, name)
    names.use("datetime", "date")
    names.use("datetime", "UTC")

    block = import_block(names.imports.values(), "app")

    expected = [
        "from datetime import UTC as _UTC",
        "from datetime import date",
        "",
        "from fluxaorm.runtime import P",
        "",
        "from app.models import B, a",
        "",
        "from .enums import E",
    ]
    assert expected == block.splitlines()


def test_what_only_annotations_need_is_imported_for_type_checkers_alone() -> None:
    """Importing generated code must not import the user's modules for a type; a later use by code makes it real."""
    names = Names((), (), "app")

    names.annotation("list[Point]", (("app.shapes", "Point"),))

    assert [True] == [item.typing_only for item in names.imports.values()]
    names.use("app.shapes", "Point")
    assert [False] == [item.typing_only for item in names.imports.values()]
