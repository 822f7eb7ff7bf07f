"""A helpdesk: a FastAPI backend over liteorm, one tenant per request."""
