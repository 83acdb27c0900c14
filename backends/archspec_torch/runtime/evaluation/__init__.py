"""How good trained networks are: scores collected, combined, counted, printed, pictured."""
