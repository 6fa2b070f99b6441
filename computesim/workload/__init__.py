"""What is asked: tokens, FLOP and bytes. This floor knows no hardware and no clock."""
