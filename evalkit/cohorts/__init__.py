"""Who is underserved: groups, regions, embedding clusters and slices, found and confirmed."""
