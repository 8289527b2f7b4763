"""Who is told, and where the server may go for that: HTTP to addresses that clients have named."""
