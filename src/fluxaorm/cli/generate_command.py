"""``fluxaorm generate``: writes the package, or says how it differs."""
