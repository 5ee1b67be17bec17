"""What is handed on to others: documents made of a run's findings, with nothing computed anew."""
