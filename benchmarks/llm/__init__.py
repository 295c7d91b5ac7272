"""The language-model room beside its peers: client, cache, router."""
