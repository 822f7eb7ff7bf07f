"""Results of the driver as `Rows`."""
