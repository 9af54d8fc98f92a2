"""Pure numerics, one method a file, each with its source and a doctest."""
