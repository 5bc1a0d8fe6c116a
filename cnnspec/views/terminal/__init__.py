"""Text for terminals: tables, messages, workings, arrays."""
