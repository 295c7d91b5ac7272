"""Measurements of the engine: what it adds to the work itself, and what a crash costs."""
