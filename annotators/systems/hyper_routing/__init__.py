"""HyPER: which items go to the expensive annotator."""
