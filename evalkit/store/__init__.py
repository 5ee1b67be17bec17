"""What is kept on disk: manifests, scores, trials, run folders and their documents."""
