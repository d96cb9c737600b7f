"""What engines and policies share of a language model: its checkpoint, its marks of turns and thoughts, its prompts."""
