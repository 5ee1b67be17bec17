"""The JSON documents that evalkit writes and reads: one type each, one writer, one reader."""
