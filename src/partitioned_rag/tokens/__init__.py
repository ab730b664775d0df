"""Token counts for the model at hand."""
