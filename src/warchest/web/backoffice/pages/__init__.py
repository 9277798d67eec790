"""Pages of commands, a subject a file."""
