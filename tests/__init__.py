"""The specification of fastgate, as tests; the folders mirror the line."""
