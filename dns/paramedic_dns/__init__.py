"""Service names: which containers answer to a name, for whom, and whether they are well."""
