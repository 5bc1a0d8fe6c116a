"""The volume picture: feature maps as boxes to scale."""
