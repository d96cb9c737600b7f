"""From an item to the prompt that a model is sent: templates, their parts, the turns."""
