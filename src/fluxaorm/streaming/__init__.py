"""Loops that run as a process of their own, beside the application."""
