"""The history of the tables' form."""
