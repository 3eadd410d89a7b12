"""Where new ids come from."""
