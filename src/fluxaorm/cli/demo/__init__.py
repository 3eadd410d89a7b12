"""``fluxaorm demo``: the library's main job on real data, and what it took, measured.

``models`` says what is stored, ``source`` reads it, ``project`` lays out the directory, ``load`` fills the tables,
``tour`` reads, searches and updates, ``tally`` counts what the library sent, ``servers`` what the servers counted,
``report`` shows both, ``program`` is the order of it all.
"""
