"""What answers: seconds, joules, switches and watts of a machine; it knows `Work` and no clock."""
