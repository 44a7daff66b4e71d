"""Recent history, PromQL and rules. Its issue has not come yet: nothing here is imported."""
