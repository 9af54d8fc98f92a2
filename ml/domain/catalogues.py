"""regain's own catalogue layout: `products.csv` beside a folder of pictures."""

CATALOGUE_FILE = "products.csv"
PICTURES_FOLDER = "images"
CATALOGUE_COLUMNS = ("product_id", "title", "description", "category", "listed_at", "image")
