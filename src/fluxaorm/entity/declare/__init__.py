"""What users write definitions with."""
