"""What tables need to become as declared: differences, their dangers, and how rows could be in the way. Pure."""
