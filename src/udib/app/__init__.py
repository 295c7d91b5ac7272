"""The faces of the product and the one place where everything is put together."""
