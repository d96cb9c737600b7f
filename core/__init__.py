"""The shared vocabulary. Imports no other room."""
