"""How many requests a second the API answers, and how soon."""
