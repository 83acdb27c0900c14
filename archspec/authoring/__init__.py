"""What helps while a spec is written: its layout, its words explained, its schema for editors, a first file."""
