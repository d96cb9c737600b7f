"""From a reply to what it says, or to nothing: never a guess."""
