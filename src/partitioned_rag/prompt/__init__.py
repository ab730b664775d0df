"""What is said to the model: our own words, text from outside made harmless, and what fits."""
