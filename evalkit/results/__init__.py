"""Tables of results that others made: what their columns are, and the utterances, texts and error
counts that they hold."""
