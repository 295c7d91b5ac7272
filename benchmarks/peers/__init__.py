"""Scripts that measure one peer each in a process, and if need be an environment, of its own; they print JSON."""
