"""A picture for other programs: TikZ from the drawing, Mermaid and draw.io from the plan."""
