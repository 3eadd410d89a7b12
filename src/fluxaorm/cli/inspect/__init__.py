"""What ``fluxaorm inspect`` is made of: the tables of a database, turned into the source of entity definitions.

Reads; changes nothing in the database. Everything but ``read`` is a pure function of what was read.
"""
