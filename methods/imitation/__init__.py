"""Methods that imitate answers: given, preferred, coded, or their own best."""
