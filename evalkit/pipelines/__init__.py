"""What is evaluated: enhancers, recognizers and speaker encoders as plug-ins."""
