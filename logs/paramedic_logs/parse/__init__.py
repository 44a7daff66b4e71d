"""What is read out of a line when it comes in."""
