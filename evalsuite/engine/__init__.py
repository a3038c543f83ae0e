"""The engine: an OpenAI-compatible server, started by us or already running, and the client that sends requests."""
