"""Ours and the peers side by side, on the same servers, in the same run."""
