"""The pages, a module each: its queries, and the rows that its template shows."""
