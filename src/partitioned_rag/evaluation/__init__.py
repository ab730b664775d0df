"""Questions whose answers the owner knows → how well a search finds them, and what it missed."""
