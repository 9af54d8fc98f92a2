"""All of MLflow: the registry ML engineers look at, and the pyfunc that wraps a bundle."""
