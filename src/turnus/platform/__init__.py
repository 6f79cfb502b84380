"""What every area needs and no area owns: database, tenancy, HTTP edge, lists, events, jobs."""
