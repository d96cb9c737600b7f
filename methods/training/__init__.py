"""What all training loops share: settings, the optimiser step, the log."""
