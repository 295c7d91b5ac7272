"""Moves the work: one address in, one stored and delivered report out; questions answered; contents forgotten."""
