"""The engine: one OpenAI-compatible server, started here or already running, and the client that asks it."""
