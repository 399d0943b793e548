//! A simulated LLM node: an OpenAI-compatible server with continuous batching and a fixed answer.
