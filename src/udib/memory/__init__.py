"""What we know: vectors by tenant, found again by meaning and words, and truly forgotten."""
