"""The numbers watched for drift, computed from a product and its answer as it is served."""
