"""How checks look: cutting rows, disturbing them, asking, training again. Used by `checks/`."""
