"""Nets, one file each; encoders; cards."""
