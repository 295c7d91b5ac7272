"""The version of the product, for the package, the store process and the reports."""

__version__ = "0.1.0"
