"""PercepNet (Valin et al. 2020, arXiv:2008.04259): enhancement by gains in perceptual bands and a
comb filter at the pitch of the speech; a network has only to say how much of each."""
