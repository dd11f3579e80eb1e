"""Output and exit codes of commands."""
