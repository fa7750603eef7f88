"""What requests and replies look like on the wire; knows no server and no model."""
