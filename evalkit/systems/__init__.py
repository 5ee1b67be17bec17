"""What is evaluated: enhancers, recognizers and speaker encoders, one file a library."""
