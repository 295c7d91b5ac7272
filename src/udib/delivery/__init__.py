"""Findings as text, pages and messages (pure), and their delivery to files and Discord, once each."""
