"""What a user would pick instead, doing the same work: programs of their own, written as their tutorials write them."""
