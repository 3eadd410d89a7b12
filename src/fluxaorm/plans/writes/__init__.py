"""What a write consists of: statements in their order, checks before them, what their errors mean."""
