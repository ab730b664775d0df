"""The shell: the `prag` command, one file per command."""
