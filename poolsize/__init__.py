"""poolsize: sizes database connection pools by measurement and queueing theory."""
