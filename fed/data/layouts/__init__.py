"""What several collections have in common: folders named by numbers, tables, sheets, grades."""
