"""Ways of looking for cohorts."""
