"""The demo: real containers, broken one after another; paramedic heals three of them and leaves the fourth to a person."""
