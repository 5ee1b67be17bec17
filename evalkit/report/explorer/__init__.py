"""What a point or a row of the page opens: utterances, the words that are wrong in them, and which
of them make up the sum."""
