"""Can a disparity be mended: experiments that train again, and score before and after."""
