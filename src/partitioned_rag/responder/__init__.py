"""The responder: messages that a bridge drops into `inbox/` → replies in `outbox/`.

Floor: street, under `cli`.
"""
