"""The commands of ``fluxaorm``, one file each."""
