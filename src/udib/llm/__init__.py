"""Language models: a client for any OpenAI-compatible endpoint, the router that learns, the cache, and the budget."""
