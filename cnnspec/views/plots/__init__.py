"""Plots of what a network learned, by matplotlib, which is loaded when one is drawn."""
