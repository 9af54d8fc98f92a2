"""What regain talks about: products, labels, predictions, decisions, and the ports to the world."""
