"""From receipts to numbers to a verdict; pure."""
