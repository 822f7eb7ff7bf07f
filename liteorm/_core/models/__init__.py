"""Classes as models: from annotation to hint to field to table."""
