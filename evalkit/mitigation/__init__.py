"""Can a disparity be reduced? Experiments that train again, and score before and after."""
