"""The plan: goals that compile into a gate before release and a monitor after it."""
