"""How a database of recurring jobs is brought up to date, by Alembic; each step is a module of `versions`."""
