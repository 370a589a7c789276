"""Jobs that try to get out of their sandbox, or to take the machine with them. All of them must fail."""
