"""Recipes, losses, loops, cross-validation and evaluation."""
