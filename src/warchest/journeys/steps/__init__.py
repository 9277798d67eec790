"""What two journeys share."""
