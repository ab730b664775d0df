"""A retrieval-augmented, partitioned context engine: give the model no secrets to keep."""
