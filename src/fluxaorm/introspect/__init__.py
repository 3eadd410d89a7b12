"""An existing database as definitions: what ``fluxaorm inspect`` writes."""
