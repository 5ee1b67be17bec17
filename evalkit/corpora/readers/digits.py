"""Words for spoken digits, which corpora of them write as figures in names of files."""

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
