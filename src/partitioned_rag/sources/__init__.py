"""Files in: find them (`scan`), recognise and read them (`registry`). Floor: edge."""
