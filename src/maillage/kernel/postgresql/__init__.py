"""Django's PostgreSQL backend, that tells the database in whose rows each statement stands."""
