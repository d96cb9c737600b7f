"""Any OpenAI-compatible server: calls, pace, prices and the batch API."""
