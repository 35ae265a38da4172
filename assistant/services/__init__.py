"""What a visitor can do, one service per page of the interface."""
