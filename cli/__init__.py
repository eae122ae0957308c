"""The command line: one module a sub-command, which imports what is heavy only when it runs."""
