"""The nouns and needs of the product: values, results, errors, ports and tenancy. No I/O, standard library only."""
