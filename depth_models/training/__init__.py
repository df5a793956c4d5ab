"""Training: from generated data to a weight file. Every shipped weight is made by a module here."""
