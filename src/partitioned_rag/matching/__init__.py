"""What chunks are found by, how a question is read, and how evidence is weighed.

Floor: core, pure.
"""
