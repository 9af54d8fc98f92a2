"""The command-line program `regain`."""
