"""Evidence in, reasoned decisions out."""
