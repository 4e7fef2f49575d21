"""The measure: does the picture follow the map, and only the map? Nothing else imports this package."""
