"""Providers of every dialect, each saying the same things in its own recorded shape: one answer per kind, whole and as a stream."""

from tests.translate.gateway.hosts import BEDROCK, COHERE, OLLAMA
from tests.translate.gateway.makers import ANTHROPIC, GEMINI, OPENAI

PROVIDERS = (OPENAI, ANTHROPIC, GEMINI, OLLAMA, BEDROCK, COHERE)
