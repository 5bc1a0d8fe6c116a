"""Worked arithmetic: the sum behind a value, gradients by hand; an engine's definitions at work."""
