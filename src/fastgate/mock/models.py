"""The models that the mock provider lists. It answers to any other name as well."""

MODELS = ("mock-model", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "claude-sonnet-4-5", "claude-haiku-4-5")
