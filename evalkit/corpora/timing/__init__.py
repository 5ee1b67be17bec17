"""When the words of a corpus's texts were said: by files of other tools, or by alignment."""
