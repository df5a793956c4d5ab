"""Data to train on and to measure with: generated scenes and readers of public file formats."""
