"""The report: one HTML page about a network and its training, in one file."""
