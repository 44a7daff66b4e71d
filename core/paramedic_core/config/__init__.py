"""Configuration: schema, sources of values, and errors a person can act on.

Nothing is imported here: roles use single modules of this package, and pydantic and the YAML reader must not come with them.
"""
