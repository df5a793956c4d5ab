"""Measuring what the estimators are worth: metrics, classical baselines, tables and pictures."""
