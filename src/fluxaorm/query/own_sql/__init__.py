"""SQL texts of the user's own: their placeholders, what they may do to a connection, values for them. Pure."""
