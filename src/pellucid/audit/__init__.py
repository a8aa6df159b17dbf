"""Measures of explanations, concepts and confidence: functions that give a value, and its interval. numpy only."""
