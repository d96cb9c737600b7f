"""One language model that is asked once: an annotator for each kind of feedback."""
