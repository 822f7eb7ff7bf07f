"""What users receive and send: ranges, intervals, JSON, notifications, results."""
