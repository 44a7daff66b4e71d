"""PromQL: the float language of Prometheus 3, parsed with positions and evaluated over whole columns.

`engine.Engine` is the way in; `parser.parse`, `pretty.format_query` and `tree.tree` serve what works on the text alone.
"""
