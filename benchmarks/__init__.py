"""How fast it is, as ratios to something else measured in the same run: a time of a shared machine says nothing."""
