"""Labels out of files that others wrote: lists of names, tables, PICS label lists. Each reader gives labels one by one,
with the line that each stands in, and notes what it could not take and why."""
