"""What is done to clean speech before a system hears it."""
