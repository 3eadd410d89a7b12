"""Docstrings of definitions, which must neither end nor break those of the generated classes."""

from fluxaorm import Entity, UInt8


class PlainEntity(Entity):
    """One line."""

    id: UInt8


class LongEntity(Entity):
    """A first line that is longer than any line of generated code may be, so that it has to be wrapped somewhere here.

    Args:
        indented: an item that is much longer than a line of generated code may be, so it is wrapped with its indentation
            and goes on.

        - a list
    """

    id: UInt8


class HostileEntity(Entity):
    '''"Quoted" at the beginning, """tripled""" in the middle, a \\ backslash, a \t tab, {{ braces }} {% if %}, and at the end "quoted"'''

    id: UInt8


class BackslashEntity(Entity):
    """Ends in a backslash \\"""

    id: UInt8


class NoneEntity(Entity):
    id: UInt8
