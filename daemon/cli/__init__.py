"""The command line: a file for each command, imported when that command runs."""
