"""What is trained, stored and served: text, image, their fusion, and the bundle of all three."""
