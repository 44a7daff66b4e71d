"""What the commands share: exit statuses, tables, words for people, and talking to roles."""
