"""One partition's index on disk: what is indexed (SQLite) and its vectors, kept in step.

Floor: edge. Only `partition` and `sync` may import this room, so nobody above can open a store.
"""
