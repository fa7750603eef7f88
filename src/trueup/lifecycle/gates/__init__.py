"""Gates: the checks that the plan demands, and the signed verdict about one model version."""
