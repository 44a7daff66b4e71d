"""The kinds of channel, one file each: a delivery as one HTTP request."""
