"""All SQL of the house (SQLAlchemy Core): schema, ingest, search, change log, tasks, accounts, peers."""
