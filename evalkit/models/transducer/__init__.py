"""The reference streaming recognizer, an RNN transducer: its network, its search, its training, and
the parts of it that are arms of experiments."""
