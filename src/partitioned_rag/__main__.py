"""Lets `python -m partitioned_rag` be the `prag` command."""

from partitioned_rag.cli.main import main

main()
