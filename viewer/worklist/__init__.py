"""The worklist: studies, their changes as they happen, and what people bring in themselves."""
