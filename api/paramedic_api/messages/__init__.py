"""What a person is told, outside the page: what is worth a message, the queue of each channel, and the sending."""
