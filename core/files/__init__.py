"""Files of rows: pairs, preferences, feedback of every kind, and how they are read and written."""
