"""The numbers watched for drift, computed when a product is served. Light: serving imports them."""
