"""In which order is written: the rows of a flush, the pools of a commit, the rows of one call."""
