"""The actions, one file each: a plan for runtime's verbs."""
