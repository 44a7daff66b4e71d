"""The only code that talks to an orchestrator."""
