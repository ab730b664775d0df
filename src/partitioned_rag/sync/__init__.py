"""Brings the store of one partition up to date with its folder.

Floor: flow, below `partition`. One partition at a time: nothing here has ever heard of another.
"""
