"""Fakes with a script, for our tests and those of our users: each implements a port of `udib.core.ports` in memory."""
