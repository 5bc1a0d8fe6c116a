"""Texts for other programs and for pages: CSV, JSON, Markdown, LaTeX, HTML, the report."""
