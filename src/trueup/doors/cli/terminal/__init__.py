"""What all commands share: references and parameters in, data, words and errors out."""
