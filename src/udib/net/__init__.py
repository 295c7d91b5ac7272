"""The way out to other machines: the connection pool, requests with retries, and the guard of private addresses."""
