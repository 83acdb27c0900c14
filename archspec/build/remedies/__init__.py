"""What a mistake in a spec means, and what would mend it."""
