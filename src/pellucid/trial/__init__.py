"""Explanations on trial: a model, its data, the methods and the measures brought together, and the card that comes of it."""
