"""All of MLflow: the registry ML engineers look at, and the pyfunc that makes a bundle a model of it."""
